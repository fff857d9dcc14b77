import { describe, expect, it } from '@jest/globals';
import type { Connection } from '../../../src/adapters/eventstoredb/connection.js';
import { positionOf } from '../../../src/adapters/eventstoredb/position.js';
import { IDENTITY_STREAM } from '../../../src/adapters/eventstoredb/recorded-event.js';
import { StreamReads } from '../../../src/adapters/eventstoredb/stream-reads.js';
import { START } from '../../../src/events/envelope.js';

const ID = '7d444840-9dc0-11d1-b245-5ffdce74fad2';
const at = (nth: number) => ({ commit: BigInt(nth), prepare: BigInt(nth) });

/** A server with one event in each of these streams, in this order, and how many of them it has sent. */
function server(...streams: string[]) {
  let sent = 0;
  async function* backwards() {
    for (let nth = streams.length - 1; nth >= 0; nth--) {
      sent += 1;
      yield { event: { streamId: streams[nth], position: at(nth) } };
    }
  }
  const client = { readAll: () => Object.assign(backwards(), { cancel: async () => {} }) };
  const connection = {
    description: 'a test',
    call: async (_: number, work: (client: unknown, over: AbortSignal) => unknown) =>
      work(client, new AbortController().signal),
  };
  const reads = new StreamReads(connection as unknown as Connection);
  return {
    streams,
    async look() {
      sent = 0;
      return { head: await reads.head(), sent };
    },
  };
}

const foreign = (count: number) => Array<string>(count).fill('$stats');

describe('the head of a log on a server with other events', () => {
  it('is searched once behind all of them, and then no further back than the last time', async () => {
    const { streams, look } = server(IDENTITY_STREAM, 'conversation-1', ...foreign(1_000));
    expect(await look()).toEqual({ head: positionOf(at(1)), sent: 1_001 });
    expect(await look()).toEqual({ head: positionOf(at(1)), sent: 1 });
    streams.push(...foreign(5));
    expect(await look()).toEqual({ head: positionOf(at(1)), sent: 6 });
    streams.push('generation-1', ...foreign(2));
    expect(await look()).toEqual({ head: positionOf(at(1_007)), sent: 3 });
    expect(await look()).toEqual({ head: positionOf(at(1_007)), sent: 1 });
  });

  it('is the start while there is nothing but the name of the log', async () => {
    const { look } = server(...foreign(3), IDENTITY_STREAM, ...foreign(10));
    expect(await look()).toEqual({ head: START, sent: 11 });
    expect(await look()).toEqual({ head: START, sent: 1 });
  });
});

describe('a position', () => {
  /** A server whose records at these places are all that it has left: other programs' records expire. */
  function readsOf(...places: number[]): StreamReads {
    const readAll = ({ fromPosition }: { fromPosition: { commit: bigint } }) => {
      const first = places.filter((place) => BigInt(place) >= fromPosition.commit).slice(0, 1);
      const records = (async function* () {
        for (const place of first) yield { event: { streamId: '$stats', id: ID, position: at(place) } };
      })();
      return Object.assign(records, { cancel: async () => {} });
    };
    const call = async (_: number, work: (client: unknown, over: AbortSignal) => unknown) =>
      work({ readAll }, new AbortController().signal);
    return new StreamReads({ description: 'a test', call } as unknown as Connection);
  }

  it('without an id is held as long as the log reaches its place', async () => {
    const reads = readsOf(100, 200);
    for (const place of [100, 150, 200]) expect(await reads.holds(positionOf(at(place)))).toBe(true);
    expect(await reads.holds(positionOf(at(201)))).toBe(false);
  });

  it('with an id is held only where that event is', async () => {
    const reads = readsOf(100, 200);
    expect(await reads.holds(positionOf(at(100), ID))).toBe(true);
    expect(await reads.holds(positionOf(at(150), ID))).toBe(false);
    expect(await reads.holds(positionOf(at(100), ID.replace('7', '8')))).toBe(false);
  });
});
