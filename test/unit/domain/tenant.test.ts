import { describe, expect, it } from '@jest/globals';
import { type ApiKey, createTenant, isKeyOf, issueKey, revokeKey, tenant } from '../../../src/domain/tenant.js';
import type { TenantEvent } from '../../../src/events/catalogue.js';

const key: ApiKey = { keyId: 'admin', user: 'admin', role: 'admin', name: 'first key', secretSha256: 'hash-1' };
const created: TenantEvent = { type: 'TenantCreated', data: { name: 'default' } };
const issued: TenantEvent = { type: 'ApiKeyIssued', data: key };
const given = (...events: TenantEvent[]) => events.reduce(tenant.evolve, tenant.initial);

describe('a tenant', () => {
  it('given nothing, when it is created, then it exists with its first key', () => {
    expect(createTenant('default', key)(given())).toEqual([created, issued]);
  });

  it('given that it exists, when it is created again, then nothing happens', () => {
    expect(createTenant('default', { ...key, keyId: 'other' })(given(created, issued))).toEqual([]);
  });

  it('given a key, when the same is issued again, then nothing happens', () => {
    expect(issueKey(key)(given(created, issued))).toEqual([]);
  });

  it('given a key, when another secret is issued under its id, then that one replaces it', () => {
    const renewed = { ...key, secretSha256: 'hash-2' };
    const events = issueKey(renewed)(given(created, issued));
    expect(events).toEqual([{ type: 'ApiKeyIssued', data: renewed }]);
    expect(given(created, issued, ...events).keys.get('admin')).toEqual(renewed);
  });

  it('given a revoked key, when it is issued, then it is there again', () => {
    const revoked: TenantEvent = { type: 'ApiKeyRevoked', data: { keyId: 'admin' } };
    expect(given(created, issued, revoked).keys.size).toBe(0);
    expect(issueKey(key)(given(created, issued, revoked))).toEqual([issued]);
  });

  it('given a key, when it is revoked, then it is, and again nothing happens', () => {
    const revoked: TenantEvent = { type: 'ApiKeyRevoked', data: { keyId: 'admin' } };
    expect(revokeKey('admin')(given(created, issued))).toEqual([revoked]);
    expect(revokeKey('admin')(given(created, issued, revoked))).toEqual([]);
    expect(revokeKey('admin')(given(created, issued, revoked, issued))).toEqual([revoked]);
  });

  it('given keys, then it knows its own, revoked ones included, and no other', () => {
    const revoked: TenantEvent = { type: 'ApiKeyRevoked', data: { keyId: 'admin' } };
    expect(isKeyOf(given(created, issued), 'admin')).toBe(true);
    expect(isKeyOf(given(created, issued, revoked), 'admin')).toBe(true);
    expect(isKeyOf(given(created, issued, revoked), 'other')).toBe(false);
    expect(revokeKey('other')(given(created, issued))).toEqual([]);
  });

  it.each(['a\0b', 'a\ud800b', '\udc00'])('refuses the name %j', (name) => {
    const malformed = expect.objectContaining({ code: 'text_malformed' });
    expect(() => createTenant(name, key)(given())).toThrow(malformed);
    expect(() => issueKey({ ...key, user: name })(given(created))).toThrow(malformed);
    expect(() => issueKey({ ...key, name })(given(created))).toThrow(malformed);
    expect(issueKey({ ...key, user: 'ada \u{1f600}' })(given(created))).toHaveLength(1);
  });
});
