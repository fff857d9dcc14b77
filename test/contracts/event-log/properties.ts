import { beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { NewEvent } from '../../../src/events/envelope.js';
import type { EventLog, ExpectedRevision } from '../../../src/ports/event-log.js';
import { newDelta, newStream, wholeStream } from '../../support/new-events.js';
import type { EngineTraits, OpenLog } from '../event-log.contract.js';

/** An append as drawn: events are named by small numbers, so that repeats and overlaps are common. */
const drawnAppend = fc.record({
  stream: fc.nat(1),
  expected: fc.oneof(fc.constantFrom('none' as const, 'any' as const, 'right' as const), fc.nat(4)),
  events: fc.uniqueArray(fc.nat(7), { minLength: 1, maxLength: 3 }),
});

/** The rules of an append, written as simply as they can be. */
class Model {
  readonly streams: string[][] = [[], []];

  constructor(private readonly traits: EngineTraits) {}

  append(nth: number, expected: ExpectedRevision, ids: string[]): { outcome: string; revision: number | 'none' } {
    const stream = this.streams[nth] as string[];
    const end = () => (stream.length === 0 ? 'none' : stream.length - 1);
    const first = stream.indexOf(ids[0] as string);
    if (first >= 0 && ids.every((id, place) => stream[first + place] === id)) {
      return { outcome: 'already-there', revision: first + ids.length - 1 };
    }
    const seen = this.traits.knowsIdsOfOtherStreams ? this.streams : [stream];
    const known = ids.some((id) => seen.some((other) => other.includes(id)));
    if (known || (expected !== 'any' && expected !== end())) return { outcome: 'conflict', revision: end() };
    stream.push(...ids);
    return { outcome: 'appended', revision: end() };
  }
}

export function propertyContract(open: OpenLog, traits: EngineTraits): void {
  let log: EventLog;
  beforeAll(async () => {
    log = await open();
  });

  it('revisions, conflicts and repeats are as the rules say', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(drawnAppend, { maxLength: 12 }), async (appends) => {
        const model = new Model(traits);
        const names = [newStream(), newStream()];
        const pool: NewEvent[] = Array.from({ length: 8 }, () => newDelta());
        for (const drawn of appends) {
          const events = drawn.events.map((nth) => pool[nth] as NewEvent);
          const standing = model.streams[drawn.stream]?.length ?? 0;
          const right = standing === 0 ? 'none' : standing - 1;
          const expected = drawn.expected === 'right' ? right : drawn.expected;
          const ids = events.map(({ id }) => id);
          const answer = await log.append(names[drawn.stream] as string, expected, events);
          expect(answer).toMatchObject(model.append(drawn.stream, expected, ids));
        }
        for (const [nth, name] of names.entries()) {
          expect((await wholeStream(log, name)).map(({ id }) => id)).toEqual(model.streams[nth]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('twice is once: a history appended again, in any order, changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }),
        fc.nat(),
        async (sizes, seed) => {
          const stream = newStream();
          const appends = sizes.map((size) => Array.from({ length: size }, () => newDelta()));
          const first = [];
          for (const events of appends) first.push(await log.append(stream, 'any', events));
          const whole = await wholeStream(log, stream);
          const order = appends.map((_, nth) => (nth + seed) % appends.length);
          for (const nth of order) {
            const again = await log.append(stream, 'any', appends[nth] as NewEvent[]);
            expect(again).toEqual({ ...first[nth], outcome: 'already-there' });
          }
          expect(await wholeStream(log, stream)).toEqual(whole);
        },
      ),
      { numRuns: 20 },
    );
  });
}
