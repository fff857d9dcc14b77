import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventStoreDbEventLog } from '../../src/adapters/eventstoredb/eventstoredb-event-log.js';
import { serverAddress } from '../../src/adapters/eventstoredb/server-address.js';
import { type StandIn, startStandIn } from '../support/eventstore/stand-in.js';
import { newDeltas, newStream, wholeStream } from '../support/new-events.js';

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
});
