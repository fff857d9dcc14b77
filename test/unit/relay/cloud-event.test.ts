import { describe, expect, it } from '@jest/globals';
import type { Position, RecordedEvent } from '../../../src/events/envelope.js';
import { cloudEventOf } from '../../../src/relay/cloud-event.js';

const LOG = { identity: '99999999-8888-4777-8666-555555555555', incarnation: '99999999-8888-4777-8666-555555555556' };
const recorded: RecordedEvent & { position: Position } = {
  id: '11111111-2222-4333-8444-555555555555',
  type: 'DeltaReceived',
  schema: 1,
  tenant: 'acme',
  at: '2026-01-02T03:04:05.678Z',
  stream: 'generation-g1',
  revision: 7,
  position: '0000000000000000042' as Position,
  data: '{ "text":"\\ud800 – \\u0000", "b":1,"a":1e400}',
  meta: JSON.stringify({
    conversation: 'c1',
    owner: 'ada',
    actor: { id: 'ada', kind: 'user' },
    commandId: 'd1',
    correlationId: 'r1',
    causationId: 'e0',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  }),
};

describe('an event on its way out', () => {
  it('is a CloudEvent in binary mode, with the data of the log unchanged', () => {
    expect(cloudEventOf(recorded, LOG)).toEqual({
      key: 'c1',
      value: recorded.data,
      headers: {
        ce_specversion: '1.0',
        ce_id: recorded.id,
        ce_type: 'DeltaReceived',
        ce_source: '/verbatim/acme',
        ce_subject: 'generation-g1',
        ce_time: '2026-01-02T03:04:05.678Z',
        'content-type': 'application/json',
        ce_partitionkey: 'c1',
        ce_log: LOG.identity,
        ce_incarnation: LOG.incarnation,
        ce_position: '0000000000000000042',
        ce_revision: '7',
        ce_schema: '1',
        ce_correlationid: 'r1',
        ce_causationid: 'e0',
        ce_traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      },
    });
  });

  it('of a ledger has the key of its stream, whatever its metadata says', () => {
    const event = { ...recorded, stream: 'conversation-c-2', type: 'MessageSent' };
    expect(cloudEventOf(event, LOG)).toMatchObject({ key: 'c-2', headers: { ce_partitionkey: 'c-2' } });
  });

  it('has names of attributes that CloudEvents allows', () => {
    const { headers } = cloudEventOf(recorded, LOG);
    const attributes = Object.keys(headers).filter((name) => name !== 'content-type');
    for (const name of attributes) expect(name).toMatch(/^ce_[a-z0-9]{1,20}$/);
  });

  it('has no header for unknown metadata', () => {
    const { headers } = cloudEventOf({ ...recorded, meta: '{"conversation":"c1","correlationId":"r1"}' }, LOG);
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['ce_causationid']));
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['ce_traceparent']));
  });

  it('of a newer version goes out as it is', () => {
    const event = { ...recorded, type: 'DeltaWithdrawn', schema: 9, data: '[1,2, 3]' };
    expect(cloudEventOf(event, LOG)).toMatchObject({
      key: 'c1',
      value: '[1,2, 3]',
      headers: { ce_type: 'DeltaWithdrawn', ce_schema: '9' },
    });
  });

  it.each(['{}', 'null', '[]', '"text"', '{"conversation":7,"correlationId":{},"traceparent":null}'])(
    'whose metadata is %s has an order of its own',
    (meta) => {
      const { key, headers } = cloudEventOf({ ...recorded, meta }, LOG);
      expect(key).toBe('generation-g1');
      for (const text of Object.values(headers)) expect(typeof text).toBe('string');
    },
  );
});
