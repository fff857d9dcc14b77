import { expect, it } from '@jest/globals';
import type { NewEvent, RecordedEvent } from '../../../src/events/envelope.js';
import type { EventLog, ExpectedRevision } from '../../../src/ports/event-log.js';
import { newDelta, newStream } from '../../support/new-events.js';
import { until } from '../../support/until.js';
import type { EngineTraits, OpenLog } from '../event-log.contract.js';
import { follow } from './subscribe.js';

const WRITERS = 16;
const STREAMS_OF_A_WRITER = 8;
const EVENTS_OF_AN_APPEND = 5;
const DEADLINE_MS = 120_000;

/** Keeps several streams going at once, and answers with the ids in the order that the log acknowledged for each. */
async function write(log: EventLog, events: number): Promise<Map<string, string[]>> {
  const written = new Map<string, string[]>();
  const eventsOfAStream = events / STREAMS_OF_A_WRITER;
  const fill = async (stream: string) => {
    const ids: string[] = [];
    written.set(stream, ids);
    while (ids.length < eventsOfAStream) {
      const batch = Array.from({ length: Math.min(EVENTS_OF_AN_APPEND, eventsOfAStream - ids.length) }, () =>
        newDelta(),
      );
      const outcome = await appendSurely(log, stream, ids.length === 0 ? 'none' : ids.length - 1, batch);
      if (outcome === 'conflict' || outcome === 'command-known') throw new Error(`unexpected ${outcome}`);
      ids.push(...batch.map(({ id }) => id));
    }
  };
  await Promise.all(Array.from({ length: STREAMS_OF_A_WRITER }, () => fill(newStream())));
  return written;
}

/** On a busy machine an append may wait for longer than its deadline: then the same call is made again. */
async function appendSurely(log: EventLog, stream: string, expected: ExpectedRevision, events: readonly NewEvent[]) {
  for (;;) {
    const { outcome } = await log.append(stream, expected, events);
    if (outcome !== 'unavailable') return outcome;
  }
}

export function concurrencyContract(open: OpenLog, { eventsAtOnce }: EngineTraits): void {
  it(
    `shows a live subscriber ${eventsAtOnce} events of ${WRITERS} writers, none skipped or reordered`,
    async () => {
      const reader = await open();
      const logs = await Promise.all([open(), open()]);
      const subscriber = follow(reader, await reader.head());

      const eventsOfAWriter = Math.ceil(eventsAtOnce / WRITERS / STREAMS_OF_A_WRITER) * STREAMS_OF_A_WRITER;
      const writers = Array.from({ length: WRITERS }, (_, nth) => write(logs[nth % 2] as EventLog, eventsOfAWriter));
      const written = new Map((await Promise.all(writers)).flatMap((streams) => [...streams]));
      const expected = [...written.values()].reduce((sum, ids) => sum + ids.length, 0);
      expect(expected).toBeGreaterThanOrEqual(eventsAtOnce);

      await until(() => subscriber.pages.reduce((sum, page) => sum + page.events.length, 0) >= expected, 60_000);
      await subscriber.stop();
      const events = subscriber.pages.flatMap((page) => page.events);
      expectStreamsAsWritten(events, written);
      const positions = events.map(({ position }) => position as string);
      expect([...positions].sort()).toEqual(positions);
    },
    DEADLINE_MS,
  );
}

function expectStreamsAsWritten(events: readonly RecordedEvent[], written: ReadonlyMap<string, string[]>): void {
  const seen = new Map<string, string[]>();
  for (const { stream, id } of events) {
    const ids = seen.get(stream);
    if (ids) ids.push(id);
    else seen.set(stream, [id]);
  }
  expect(seen.size).toBe(written.size);
  for (const [stream, ids] of written) expect(seen.get(stream)).toEqual(ids);
}
