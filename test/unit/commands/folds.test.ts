import { describe, expect, it } from '@jest/globals';
import { MemoryEventLog } from '../../../src/adapters/memory/memory-event-log.js';
import { Folds } from '../../../src/commands/folds.js';
import { tenant } from '../../../src/domain/tenant.js';
import type { NewEvent } from '../../../src/events/envelope.js';
import { Continuity, LogWentBack } from '../../../src/ports/continuity.js';
import { codec, someMetadata } from '../../support/new-events.js';

const STREAM = 'tenant-acme';

function event(name: string): NewEvent {
  const wrapping = { id: crypto.randomUUID(), tenant: 'acme', at: '2026-01-02T03:04:05.678Z', meta: someMetadata };
  return codec.encode({ type: 'ApiKeyRevoked', data: { keyId: name } }, wrapping);
}

/** A log that is read until the test puts another in its place. */
function replaceable(first: MemoryEventLog) {
  const log = { present: first, continuity: new Continuity() };
  const folds = new Folds(
    { continuity: log.continuity, readStream: (...args) => log.present.readStream(...args) },
    codec,
    tenant,
  );
  return { log, folds };
}

async function logOf(...events: NewEvent[]): Promise<MemoryEventLog> {
  const log = new MemoryEventLog();
  if (events.length > 0) await log.append(STREAM, 'none', events);
  return log;
}

describe('a remembered fold', () => {
  const [one, two, three] = [event('one'), event('two'), event('three')];

  it('is read on when the log has its last event', async () => {
    const { log, folds } = replaceable(await logOf(one));
    await folds.current(STREAM);
    log.present = await logOf(one, two, three);
    expect((await folds.current(STREAM)).revision).toBe(2);
    expect(log.continuity.isBroken).toBe(false);
  });

  it.each([
    ['ends before it', [one]],
    ['has no such stream', []],
    ['has another event there', [one, three]],
    ['has another event there and has grown past it', [one, three, event('four')]],
  ])('is dropped when the log %s, and the log has gone back', async (_, events) => {
    const { log, folds } = replaceable(await logOf(one, two));
    await folds.current(STREAM);
    log.present = await logOf(...events);
    await expect(folds.current(STREAM)).rejects.toBeInstanceOf(LogWentBack);
    expect(log.continuity.isBroken).toBe(true);
    expect(folds.last(STREAM)).toBeUndefined();
    expect((await log.continuity.broken).gone).toEqual({ stream: STREAM, revision: 1, id: two.id });
  });
});
