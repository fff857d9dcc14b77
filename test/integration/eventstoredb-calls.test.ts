import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CommandClaims } from '../../src/adapters/eventstoredb/command-claims.js';
import { EventStoreDbEventLog } from '../../src/adapters/eventstoredb/eventstoredb-event-log.js';
import { serverAddress } from '../../src/adapters/eventstoredb/server-address.js';
import { LogUnavailable } from '../../src/ports/errors.js';
import { type StandIn, startStandIn } from '../support/eventstore/stand-in.js';
import { onlyUsually, usually } from '../support/extent.js';
import { MemoryCommandPlaces } from '../support/memory/memory-command-places.js';
import { deltasOf, newDeltas, newStream, wholeStream } from '../support/new-events.js';

/** Many times as many as are sent ahead of a reader. */
const FOREIGN_EVENTS = usually(8_000, 20_000);

let standIn: StandIn;
let log: EventStoreDbEventLog;
beforeEach(async () => {
  standIn = await startStandIn();
  log = new EventStoreDbEventLog(serverAddress(standIn.url));
});
afterEach(async () => {
  await log.close();
  await standIn.stop();
});

/** How many calls of a kind `work` makes. */
async function callsOf(method: string, work: () => Promise<unknown>): Promise<number> {
  const before = standIn.calls.get(method) ?? 0;
  await work();
  return (standIn.calls.get(method) ?? 0) - before;
}

onlyUsually(() =>
  describe('a stream that fits in a page', () => {
    it.each([
      ['is read with one call, however little stands in it', {}],
      ['is read backwards with one call', { direction: 'backwards' }],
    ] as const)('%s', async (_, options) => {
      const stream = newStream();
      await log.append(stream, 'none', newDeltas(3));
      const read = async () => {
        let events = 0;
        for await (const page of log.readStream(stream, options)) events += page.length;
        expect(events).toBe(3);
      };
      expect(await callsOf('read', read)).toBe(1);
      expect(await wholeStream(log, stream)).toHaveLength(3);
    });
  }),
);

onlyUsually(() =>
  describe('an append', () => {
    it('is followed by no read when it succeeds', async () => {
      const stream = newStream();
      const append = async () => {
        expect(await log.append(stream, 'none', newDeltas(3))).toMatchObject({ outcome: 'appended', revision: 2 });
        expect(await log.append(stream, 2, newDeltas(2))).toMatchObject({ outcome: 'appended', revision: 4 });
      };
      expect(await callsOf('read', append)).toBe(0);
      expect(await wholeStream(log, stream)).toHaveLength(5);
    });

    it('of a new command is preceded and followed by no read', async () => {
      const claims = new CommandClaims(log, new MemoryCommandPlaces());
      const [command, stream] = [randomUUID(), newStream()];
      const append = async () => {
        const outcome = await claims.append(stream, 'none', deltasOf(command, 2), { command });
        expect(outcome).toMatchObject({ outcome: 'appended', revision: 1 });
      };
      expect(await callsOf('read', append)).toBe(0);
      // The check counts: a command that has its place already is looked for in its stream.
      const again = () => claims.append(stream, 1, deltasOf(command, 1), { command });
      expect(await callsOf('read', again)).toBeGreaterThan(0);
    });
  }),
);

describe('the head of a log behind which other programs have written', () => {
  /** Events that the stand-in sends while `work` runs. */
  async function sentWhile(work: () => Promise<unknown>): Promise<number> {
    const before = standIn.sent();
    await work();
    return standIn.sent() - before;
  }

  it('is searched past each of their events once, also when a search breaks off', async () => {
    await log.append(newStream(), 'none', newDeltas(1));
    const head = await log.head();
    standIn.appendSystemEvents(FOREIGN_EVENTS);
    const process = new EventStoreDbEventLog(serverAddress(standIn.url));
    standIn.faults.readsBreakOffAfter = FOREIGN_EVENTS / 2;
    await expect(process.head()).rejects.toBeInstanceOf(LogUnavailable);
    standIn.faults.readsBreakOffAfter = undefined;
    const found: string[] = [];
    // The rest of them, and no event that the search before has passed.
    expect(await sentWhile(async () => found.push(await process.head()))).toBeLessThan(FOREIGN_EVENTS * 0.75);
    // Nothing is passed again, but for what was sent ahead.
    expect(await sentWhile(async () => found.push(await process.head()))).toBeLessThan(FOREIGN_EVENTS / 4);
    expect(found).toEqual([head, head]);
    await process.close();
  });
});
