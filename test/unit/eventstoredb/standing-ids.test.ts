import { describe, expect, it } from '@jest/globals';
import { StandingIds } from '../../../src/adapters/eventstoredb/standing-ids.js';
import type { StreamReads } from '../../../src/adapters/eventstoredb/stream-reads.js';
import { limits } from '../../../src/limits.js';
import { newDelta } from '../../support/new-events.js';

const PAGE = 50_000;

/** Streams of so many events, whose ids say where they stand; and what was read of them. */
function streamsOf(count: number) {
  const read: string[] = [];
  const reads: Pick<StreamReads, 'serverEvents'> = {
    async serverEvents(stream, _, from) {
      read.push(`${stream} ${from}`);
      const length = Math.min(PAGE, count - Number(from));
      const events = Array.from({ length }, (_, nth) => ({ id: idOf(Number(from) + nth) }));
      return { events, isLast: length < PAGE } as unknown as ReturnType<StreamReads['serverEvents']>;
    },
  };
  return { read, ids: new StandingIds(reads) };
}

const idOf = (revision: number): string => `event ${revision}`;
const eventsAt = (...revisions: number[]) => revisions.map((revision) => newDelta('', idOf(revision)));

describe('the ids that stand in a stream', () => {
  it('are read once, and then followed', async () => {
    const { read, ids } = streamsOf(3);
    await ids.upTo('a', 2);
    ids.learn('a', 2, eventsAt(3, 4));
    const standing = await ids.upTo('a', 4);
    expect(read).toEqual(['a 0']);
    expect(standing.placeOf(eventsAt(3, 4))).toEqual({ is: 'there', before: 2 });
  });

  it('are there, absent, or there in part', async () => {
    const standing = await streamsOf(3).ids.upTo('a', 'end');
    expect(standing.placeOf(eventsAt(0, 1))).toEqual({ is: 'there', before: -1 });
    expect(standing.placeOf(eventsAt(7))).toEqual({ is: 'absent' });
    for (const other of [eventsAt(2, 7), eventsAt(7, 2), eventsAt(1, 0), eventsAt(0, 2)]) {
      expect(standing.placeOf(other)).toEqual({ is: 'in part' });
    }
  });

  it('up to the end of a stream that fits in a page are known from one read', async () => {
    const { read, ids } = streamsOf(3);
    expect((await ids.upTo('a', 'end')).end).toBe(2);
    expect(read).toEqual(['a 0']);
  });

  it('of a stream that is new are not read', async () => {
    const { read, ids } = streamsOf(0);
    expect((await ids.upTo('a', -1)).end).toBe(-1);
    expect(read).toEqual([]);
  });

  it('that were not used for long make room, and are read again', async () => {
    const { read, ids } = streamsOf(PAGE);
    const fitting = Math.floor(limits.knownIdsMax / PAGE);
    for (let nth = 0; nth <= fitting; nth++) await ids.upTo(`s${nth}`, PAGE - 1);
    read.length = 0;
    await ids.upTo(`s${fitting}`, PAGE - 1);
    await ids.upTo('s1', PAGE - 1);
    expect(read).toEqual([]);
    await ids.upTo('s0', PAGE - 1);
    expect(read).toEqual(['s0 0']);
  });
});
