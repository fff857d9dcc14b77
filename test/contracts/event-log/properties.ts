import { randomUUID } from 'node:crypto';
import { beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { NewEvent } from '../../../src/events/envelope.js';
import type { EventLog, ExpectedRevision } from '../../../src/ports/event-log.js';
import { newDelta, newStream, wholeStream } from '../../support/new-events.js';
import type { EngineTraits, OpenLog } from '../event-log.contract.js';

/** Events are named by small numbers, so that repeats and overlaps are common. A command's events are its own. */
const drawnEvents = (command: number | undefined, from: number, to: number) =>
  fc.record({
    command: fc.constant(command),
    events: fc.uniqueArray(fc.integer({ min: from, max: to }), { minLength: 1, maxLength: 3 }),
  });

const drawnAppend = fc.record({
  stream: fc.nat(1),
  /** Of a stream that is shorter, its end: a writer has seen the revision that it expects. */
  expected: fc.oneof(fc.constantFrom('none' as const, 'right' as const), fc.nat(4)),
  call: fc.oneof(drawnEvents(undefined, 0, 3), drawnEvents(0, 4, 6), drawnEvents(1, 7, 9)),
});

type Answer =
  | { readonly outcome: 'appended' | 'already-there' | 'conflict'; readonly revision: number | 'none' }
  | { readonly outcome: 'command-known'; readonly stream: string; readonly revision: number };

/** The rules of an append, written as simply as they can be. */
class Model {
  readonly streams = new Map<string, string[]>();
  private readonly acted = new Map<string, { stream: string; revision: number }>();
  private readonly claimed = new Map<string, { stream: string; revision: number }>();

  constructor(private readonly traits: EngineTraits) {}

  append(name: string, expected: ExpectedRevision, ids: string[], command = 'none'): Answer {
    const stream = this.streams.get(name) ?? [];
    const first = expected === 'none' ? 0 : expected + 1;
    const claim = this.claim(command, { stream: name, revision: first });
    if (claim.stream !== name) return { outcome: 'command-known', ...claim };
    if (ids.every((id, nth) => stream[first + nth] === id)) {
      const outcome = this.traits.recognisesRetries ? 'already-there' : 'appended';
      return { outcome, revision: first + ids.length - 1 };
    }
    const known = this.acted.get(command);
    if (known) return { outcome: 'command-known', ...known };
    if (first !== stream.length) {
      return { outcome: 'conflict', revision: stream.length === 0 ? 'none' : stream.length - 1 };
    }
    if (command !== 'none') this.acted.set(command, { stream: name, revision: first });
    this.streams.set(name, [...stream, ...ids]);
    return { outcome: 'appended', revision: first + ids.length - 1 };
  }

  private claim(command: string, place: { stream: string; revision: number }) {
    if (command === 'none' || !this.traits.claimsCommands) return place;
    const claim = this.claimed.get(command) ?? place;
    this.claimed.set(command, claim);
    return claim;
  }
}

/** Seldom drawn: events that are there already, behind the first event of their command. */
const THREE_OF_A_COMMAND = { stream: 0, expected: 0, call: { command: 0, events: [5, 6, 4] } };
const ITS_LAST_TWO = { stream: 0, expected: 0, call: { command: 0, events: [6, 4] } };

export function propertyContract(open: OpenLog, traits: EngineTraits): void {
  let log: EventLog;
  beforeAll(async () => {
    log = await open();
  });

  it('revisions, conflicts, commands and repeats are as the rules say', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(drawnAppend, { maxLength: 12 }), async (appends) => {
        const model = new Model(traits);
        const names = [newStream(), newStream()];
        const ids = Array.from({ length: 10 }, () => randomUUID());
        const commands = [randomUUID(), randomUUID()];
        for (const { stream, expected: drawn, call } of appends) {
          const name = names[stream] as string;
          const command = call.command === undefined ? undefined : commands[call.command];
          const events = call.events.map((nth) => newDelta('drawn', ids[nth], command));
          const length = model.streams.get(name)?.length ?? 0;
          const isSeen = typeof drawn === 'number' ? drawn < length : drawn === 'none';
          const expected = isSeen ? (drawn as ExpectedRevision) : length === 0 ? 'none' : length - 1;
          const answer = await log.append(name, expected, events, { command });
          expect(answer).toMatchObject(
            model.append(
              name,
              expected,
              events.map(({ id }) => id),
              command,
            ),
          );
        }
        for (const name of names) {
          expect((await wholeStream(log, name)).map(({ id }) => id)).toEqual(model.streams.get(name) ?? []);
        }
      }),
      { numRuns: 60, examples: [[[THREE_OF_A_COMMAND, ITS_LAST_TWO]]] },
    );
  });

  it('a history that is appended again, in any order, changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }),
        fc.nat(),
        async (sizes, seed) => {
          const stream = newStream();
          const appends = sizes.map((size) => Array.from({ length: size }, () => newDelta()));
          const first = [];
          const expected = expectedRevisions(sizes);
          for (const [nth, events] of appends.entries()) {
            first.push(await log.append(stream, expected[nth] as ExpectedRevision, events));
          }
          const whole = await wholeStream(log, stream);
          const order = appends.map((_, nth) => (nth + seed) % appends.length);
          for (const nth of order) {
            const again = await log.append(stream, expected[nth] as ExpectedRevision, appends[nth] as NewEvent[]);
            expect(again).toEqual(traits.recognisesRetries ? { ...first[nth], outcome: 'already-there' } : first[nth]);
          }
          expect(await wholeStream(log, stream)).toEqual(whole);
        },
      ),
      { numRuns: 20 },
    );
  });
}

/** Of appends that follow one another in a new stream. */
function expectedRevisions(sizes: readonly number[]): ExpectedRevision[] {
  let length = 0;
  return sizes.map((size) => {
    const expected = length === 0 ? 'none' : length - 1;
    length += size;
    return expected;
  });
}
