import { randomUUID } from 'node:crypto';
import { catalogue, type DomainEvent } from '../../src/events/catalogue.js';
import { createCodec, type TypedEvent, type Wrapping } from '../../src/events/codec.js';
import { type EventShape, type Metadata, type NewEvent, type RecordedEvent, START } from '../../src/events/envelope.js';
import {
  type AllStreamsFilter,
  type AppendOutcome,
  decodeOrFail,
  type EventLog,
  type ExpectedRevision,
} from '../../src/ports/event-log.js';

export const codec = createCodec();

/** As the codec encodes it, for tests that make an event without awaiting anything. */
export function newEvent({ type, data }: DomainEvent, { id, tenant, at, meta }: Wrapping): NewEvent {
  const { schema } = catalogue[type] as EventShape;
  return { id, type, schema, tenant, at, data: JSON.stringify(data), meta: JSON.stringify(meta) };
}

/** The typed events of a page. Fails at one that is unknown or damaged. */
export async function typedEvents(page: readonly RecordedEvent[]): Promise<TypedEvent[]> {
  return [...(await decodeOrFail(codec, page))];
}

export const someMetadata: Metadata = {
  conversation: 'c1',
  owner: 'ada',
  actor: { id: 'ada', kind: 'user' },
  correlationId: 'correlation-1',
  commandId: 'command-1',
};

export function newDelta(
  text = 'hello',
  id: string = randomUUID(),
  commandId: string = someMetadata.commandId,
): NewEvent {
  return newEvent(
    { type: 'DeltaReceived', data: { attempt: 1, seq: 0, block: 0, text, channel: 'content' } },
    { id, tenant: 'default', at: '2026-01-02T03:04:05.678Z', meta: { ...someMetadata, commandId } },
  );
}

/** As many as asked, and at least one: so the first is known to be there. */
export function newDeltas(count: number): [NewEvent, ...NewEvent[]] {
  return [newDelta('0'), ...Array.from({ length: count - 1 }, (_, nth) => newDelta(`${nth + 1}`))];
}

/** The events of one command. */
export const deltasOf = (commandId: string, count: number): NewEvent[] =>
  Array.from({ length: count }, (_, nth) => newDelta(`${nth}`, randomUUID(), commandId));

/** For tests in which it does not matter where a stream ends. */
export async function appendAtEnd(
  log: Pick<EventLog, 'readStream' | 'append'>,
  stream: string,
  events: readonly NewEvent[],
): Promise<AppendOutcome> {
  for (;;) {
    let expected: ExpectedRevision = 'none';
    for await (const [last] of log.readStream(stream, { direction: 'backwards', eventsMax: 1 })) {
      if (last) expected = last.revision;
    }
    const outcome = await log.append(stream, expected, events);
    if (outcome.outcome !== 'conflict') return outcome;
  }
}

export const newStream = (category = 'generation'): string => `${category}-${randomUUID()}`;

export async function wholeStream(log: Pick<EventLog, 'readStream'>, stream: string): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const page of log.readStream(stream)) events.push(...page);
  return events;
}

/** How many events a log holds, read one by one: not every engine can count. */
export async function countEvents(log: Pick<EventLog, 'readAll'>, filter?: AllStreamsFilter): Promise<number> {
  let count = 0;
  for await (const { events } of log.readAll(START, filter)) count += events.length;
  return count;
}
