import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { systemIds } from '../../../src/adapters/system/system-ids.js';
import { type CopyTarget, copyLog } from '../../../src/app/log-copy.js';
import type { CopyProgress } from '../../../src/cli/command-parts.js';
import { INCARNATIONS } from '../../../src/events/catalogue.js';
import { type RecordedEvent, START } from '../../../src/events/envelope.js';
import type { EventLog } from '../../../src/ports/event-log.js';
import { drawnSteps, playHistory } from '../../support/drawn-history.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { appendAtEnd, codec, deltasOf, newDelta, newEvent, newStream, someMetadata } from '../../support/new-events.js';
import { hurriedClock } from '../../support/relay-ground.js';

const parts = { codec, clock: hurriedClock, ids: systemIds };

async function copied(source: EventLog, target: CopyTarget) {
  await source.identity();
  const progress: CopyProgress[] = [];
  const done = await copyLog(source, target, parts, async (each) => void progress.push(each));
  return { done, progress };
}

async function eventsOf(log: Pick<EventLog, 'readAll'>): Promise<Omit<RecordedEvent, 'position'>[]> {
  const events: RecordedEvent[] = [];
  for await (const page of log.readAll(START)) events.push(...page.events);
  return events.map(({ position: _, ...event }) => event);
}

/** An event of a keyed command, and the rest of its events. */
async function keyedCommand(log: EventLog, stream: string, count: number): Promise<string> {
  const command = randomUUID();
  const meta = { ...someMetadata, commandId: command, fingerprint: 'f'.repeat(64) };
  const events = Array.from({ length: count }, () =>
    newEvent(
      { type: 'ConversationRenamed', data: { title: randomUUID() } },
      { id: randomUUID(), tenant: 'default', at: '2026-01-02T03:04:05.678Z', meta },
    ),
  );
  await log.append(stream, 'none', events, { command });
  return command;
}

/** A log whose appends stop at a number of them. */
function stopping(log: MemoryEventLog, appends: number): CopyTarget {
  let left = appends;
  return Object.assign(Object.create(log) as MemoryEventLog, {
    async append(...args: Parameters<EventLog['append']>) {
      if (left-- === 0) throw new Error('killed');
      return log.append(...args);
    },
  });
}

describe('the copy of a log', () => {
  it('has the same events in the same order, the same records, and a new incarnation', async () => {
    await fc.assert(
      fc.asyncProperty(drawnSteps, async (steps) => {
        const [source, target] = [new MemoryEventLog(), new MemoryEventLog('sparse')];
        await playHistory(source, steps);
        const before = await eventsOf(source);
        const { done, progress } = await copied(source, target);
        const after = await eventsOf(target);
        expect(after.slice(0, -1)).toEqual(before);
        expect(after.at(-1)).toMatchObject({ stream: INCARNATIONS, id: done.incarnation });
        expect(done).toMatchObject({ events: before.length, copied: before.length });
        expect(done.trees.map(({ tenant }) => tenant)).toEqual([...new Set(before.map(({ tenant }) => tenant))]);
        expect(progress.at(-1)).toEqual({ events: before.length, part: 1 });
      }),
      { numRuns: 10 },
    );
  });

  it('goes on where it was stopped, at each append', async () => {
    const source = new MemoryEventLog();
    const command = await keyedCommand(source, newStream('conversation'), 3);
    const streams = [newStream(), newStream(), newStream()];
    for (const stream of [...streams, ...streams]) {
      await appendAtEnd(source, stream, deltasOf(randomUUID(), 2));
    }
    await keyedCommand(source, newStream('conversation'), 1);
    const before = await eventsOf(source);
    for (let appends = 0; appends < 8; appends++) {
      const target = new MemoryEventLog('sparse');
      await expect(copied(source, stopping(target, appends))).rejects.toThrow('killed');
      const { done } = await copied(source, target);
      expect((await eventsOf(target)).slice(0, -1)).toEqual(before);
      expect(done.copied).toBeLessThanOrEqual(before.length);
      expect(await target.findCommand(command)).toEqual(await source.findCommand(command));
    }
  });

  it('has the place of each keyed command, also of two that follow each other in one stream', async () => {
    const source = new MemoryEventLog();
    const stream = newStream('conversation');
    const first = await keyedCommand(source, stream, 2);
    const second = randomUUID();
    const meta = { ...someMetadata, commandId: second, fingerprint: 'e'.repeat(64) };
    const event = newEvent(
      { type: 'ConversationRenamed', data: { title: null } },
      { id: randomUUID(), tenant: 'default', at: '2026-01-02T03:04:05.678Z', meta },
    );
    await source.append(stream, 1, [event], { command: second });
    const target = new MemoryEventLog();
    await copied(source, target);
    expect(await target.findCommand(first)).toEqual({ stream, revision: 0 });
    expect(await target.findCommand(second)).toEqual({ stream, revision: 2 });
  });

  it('waits for a target that is away for a moment', async () => {
    const [source, target] = [new MemoryEventLog(), new MemoryEventLog()];
    await appendAtEnd(source, newStream(), [newDelta()]);
    let away = 3;
    const shy = Object.assign(Object.create(target) as MemoryEventLog, {
      async append(...args: Parameters<EventLog['append']>) {
        if (away-- > 0) return { outcome: 'unavailable', maybeWritten: away % 2 === 0 } as const;
        return target.append(...args);
      },
    });
    expect((await copied(source, shy)).done).toMatchObject({ events: 1, copied: 1 });
  });

  it('is refused into another log, into itself, and into a log that is in use', async () => {
    const [source, other] = [new MemoryEventLog(), new MemoryEventLog()];
    const stream = newStream();
    await appendAtEnd(source, stream, [newDelta()]);
    await appendAtEnd(other, stream, [newDelta()]);
    await expect(copied(source, other)).rejects.toThrow(/another log/);
    await expect(copied(source, source)).rejects.toThrow('The target is the source');

    const target = new MemoryEventLog();
    await copied(source, target);
    await expect(copied(source, target)).rejects.toThrow(/completed before/);

    const extra = new MemoryEventLog();
    await appendAtEnd(extra, newStream(), [newDelta()]);
    await expect(copied(source, extra)).rejects.toThrow(/differs from its source|events of its own/);
  });
});
