import { describe, expect, it } from '@jest/globals';
import type { KeyEvent } from '../../src/ports/keys.js';
import { startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';
import { appendAtEnd, newEvent, someMetadata } from '../support/new-events.js';
import { until } from '../support/until.js';

describe('the subscription keys', () => {
  it('records what a command appended and could not record any more', async () => {
    const engines = memoryEngines();
    const app = await startHttpApp(engines);
    const { id } = await app.newKey('member');
    // As a crash between the append and the recording leaves it.
    const at = '2026-01-02T03:04:05.678Z';
    const revoked = newEvent(
      { type: 'ApiKeyRevoked', data: { keyId: id } },
      { id: crypto.randomUUID(), tenant: 'default', at, meta: someMetadata },
    );
    await appendAtEnd(engines.log, 'tenant-default', [revoked]);
    await until(async () => (await engines.keys.find(id))?.revokedAt === at);
    await app.close();
  });

  it('fills an empty read side from the log, as it was', async () => {
    const engines = memoryEngines();
    const before = await startHttpApp(engines);
    const { id } = await before.newKey('member');
    await before.call('DELETE', `/api/v1/keys/${id}`);
    await before.newKey('auditor');
    const expected = await engines.keys.ofTenant('default');
    await before.close();

    const { keys, checkpoints, leases } = memoryEngines();
    const after = await startHttpApp({ ...engines, keys, checkpoints, leases });
    await until(async () => (await keys.ofTenant('default')).length === 3);
    expect(await keys.ofTenant('default')).toEqual(expected);
    await after.close();
  });

  it('makes a key work whose recording failed after the append, and the command succeeds', async () => {
    const engines = memoryEngines();
    const { RetryableError } = await import('../../src/ports/errors.js');
    const app = await startHttpApp(engines);
    const record = engines.keys.record.bind(engines.keys);
    let failures = 1;
    engines.keys.record = async (event: KeyEvent) => {
      if (failures-- > 0) throw new RetryableError('away');
      await record(event);
    };
    const { id, key } = await app.newKey('member');
    await until(async () => (await engines.keys.find(id)) !== undefined);
    expect((await app.call('GET', '/api/v1/me', { key })).status).toBe(200);
    await app.close();
  });
});
