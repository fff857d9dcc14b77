import { describe, expect, it } from '@jest/globals';
import { Folds } from '../../../src/commands/folds.js';
import { decidedConversation } from '../../../src/domain/conversation/conversation.js';
import { tenant } from '../../../src/domain/tenant.js';
import type { NewEvent, RecordedEvent } from '../../../src/events/envelope.js';
import { limits } from '../../../src/limits.js';
import { Continuity, LogWentBack } from '../../../src/ports/continuity.js';
import type { EventLog } from '../../../src/ports/event-log.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { codec, newEvent, someMetadata } from '../../support/new-events.js';

const STREAM = 'tenant-acme';

function event(name: string): NewEvent {
  const wrapping = { id: crypto.randomUUID(), tenant: 'acme', at: '2026-01-02T03:04:05.678Z', meta: someMetadata };
  return newEvent({ type: 'ApiKeyRevoked', data: { keyId: name } }, wrapping);
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

  it('is kept when the log lacks its last event only for the first look', async () => {
    const whole = await logOf(one, two);
    const { log, folds } = replaceable(whole);
    await folds.current(STREAM);
    const behind = await logOf(one);
    const read = behind.readStream.bind(behind);
    behind.readStream = (...args) => {
      log.present = whole;
      return read(...args);
    };
    log.present = behind;
    expect((await folds.current(STREAM)).revision).toBe(1);
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

describe('large folds', () => {
  /** A log in which a page of each stream is read only when the test lets it. */
  function heldLog(events: Readonly<Record<string, readonly NewEvent[]>>) {
    const held: { stream: string; release: () => void }[] = [];
    const log: Pick<EventLog, 'readStream' | 'continuity'> = {
      continuity: new Continuity(),
      async *readStream(stream) {
        for (const [revision, one] of (events[stream] ?? []).entries()) {
          await new Promise<void>((release) => held.push({ stream, release }));
          yield [{ ...one, stream, revision } as RecordedEvent];
        }
      },
    };
    const passOn = async () => {
      for (const { release } of held.splice(0)) release();
      await new Promise((resolve) => setImmediate(resolve));
    };
    return { held, log, passOn };
  }

  /** JSON may end in blanks. */
  const large = (): NewEvent => {
    const one = event('key');
    return { ...one, meta: one.meta + ' '.repeat(limits.largeFoldBytesMin) };
  };

  it('are read one at a time, and small ones meanwhile', async () => {
    const { held, log, passOn } = heldLog({
      one: [large(), large()],
      other: [large(), large()],
      small: [event('key')],
    });
    const folds = new Folds(log, codec, tenant);
    const reading = [folds.current('one'), folds.current('other')];
    await passOn();
    const small = folds.current('small');
    const largeAtOnce: number[] = [];
    for (let page = 0; page < 5; page++) {
      largeAtOnce.push(held.filter(({ stream }) => stream !== 'small').length);
      await passOn();
      if (page === 0) expect((await small).revision).toBe(0);
    }
    expect(largeAtOnce).toEqual([1, 1, 1, 1, 0]);
    expect((await Promise.all(reading)).map(({ revision }) => revision)).toEqual([1, 1]);
  });
});

it('a conversation knows the bytes of its remembered fold', async () => {
  const data = { title: 'x'.repeat(100), system: null, purpose: 'chat' as const };
  const started = { type: 'ConversationStarted' as const, data };
  const wrapping = { id: crypto.randomUUID(), tenant: 'acme', at: '2026-01-02T03:04:05.678Z', meta: someMetadata };
  const log = new MemoryEventLog();
  await log.append('conversation-1', 'none', [newEvent(started, wrapping)]);
  const { state, bytes } = await new Folds(log, codec, decidedConversation).current('conversation-1');
  expect(bytes).toBeGreaterThan(100);
  expect(state.foldBytes).toBe(bytes);
});
