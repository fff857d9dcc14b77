import type { Position, RecordedEvent } from '../events/envelope.js';
import { type EventFacts, factsOf, type TapeFacts } from '../formats/record-1/entry.js';
import { GapInTape, isDelta, isOfTape, isSeal, TapeTree } from '../formats/record-1/tape.js';
import { EventMissing } from '../ports/errors.js';
import type { EventLog, LackedEvent } from '../ports/event-log.js';
import type { HeadName, RecordStep, RecordStore, StoredHeads } from '../ports/record.js';
import { recordLimits } from '../record-limits.js';
import { lackText } from './across-gaps.js';
import { GrowingRecord } from './growing-record.js';
import type { OpenTapes } from './open-tapes.js';
import { streamGaps } from './stream-gaps.js';

export interface RecordedPart {
  readonly from: Position;
  readonly to: Position;
  readonly events: readonly RecordedEvent[];
  /** What the log lacks right before an event. */
  readonly lacked: ReadonlyMap<RecordedEvent, readonly LackedEvent[]>;
}

export interface StepParts {
  readonly log: Pick<EventLog, 'readStream'>;
  readonly store: Pick<RecordStore, 'load'>;
  readonly tapes: OpenTapes;
}

/** The entries that a part of the log makes. A tenant whose events are not whole is stopped; the others go on. */
export async function recordStep({ from, to, events, lacked }: RecordedPart, parts: StepParts): Promise<RecordStep> {
  const followed = followTapes(events, parts.tapes);
  const recorded = events.filter((event) => !isDelta(event)).map((event) => [event, factsOf(event)] as const);
  const facts = new Map(recorded);
  const tenants = new Set([...facts.keys(), ...[...lacked.values()].flat()].map(({ tenant }) => tenant));
  const record = new GrowingRecord(await loaded([...tenants], [...facts.values()], parts), [...tenants]);
  const gaps = await streamGaps(events, record, parts.log);
  const read = await tapesToRead([...facts.values()], followed, record, parts);
  for (const event of events) {
    for (const each of lacked.get(event) ?? []) record.stop(each.tenant, lackText(each));
    const gap = gaps.get(event);
    if (gap !== undefined) record.stop(event.tenant, gap);
    const each = facts.get(event);
    if (!each) continue;
    if (!isOfTape(event) || record.hasTape(event.tenant, event.stream)) record.addEvent(each);
    else if (isSeal(event)) addTape(record, each, followed.get(event.id) ?? read.get(event.id));
  }
  return { from, to, ...record.changes() };
}

function loaded(tenants: readonly string[], facts: readonly EventFacts[], { store }: StepParts): Promise<StoredHeads> {
  return store.load({
    tenants,
    chains: distinct(facts, ({ chain }) => chain),
    owners: distinct(facts, ({ owner }) => owner),
    streams: distinct(facts, ({ event }) => event.stream),
  });
}

/** The tapes of seals whose beginning another owner has followed. */
function tapesToRead(
  facts: readonly EventFacts[],
  followed: ReadonlyMap<string, TapeFacts>,
  record: GrowingRecord,
  parts: StepParts,
): Promise<ReadonlyMap<string, TapeFacts | GapInTape>> {
  const unknown = facts.filter(
    ({ event }) =>
      isSeal(event) &&
      !followed.has(event.id) &&
      !record.hasTape(event.tenant, event.stream) &&
      !record.isStopped(event.tenant),
  );
  return readTapes(unknown, parts);
}

/** By the ids of their seals, the tapes that were followed from their first event. */
function followTapes(events: readonly RecordedEvent[], tapes: OpenTapes): ReadonlyMap<string, TapeFacts> {
  const followed = new Map<string, TapeFacts>();
  for (const event of events) {
    tapes.add(event);
    const tape = isSeal(event) ? tapes.sealed(event) : undefined;
    if (tape) followed.set(event.id, tape);
  }
  return followed;
}

function addTape(record: GrowingRecord, seal: EventFacts, tape: TapeFacts | GapInTape | undefined): void {
  if (tape instanceof GapInTape) record.stop(seal.event.tenant, tape.message);
  else if (tape) record.addTape(seal, tape);
}

function distinct(facts: readonly EventFacts[], nameOf: (facts: EventFacts) => string | null): HeadName[] {
  const names = new Map<string, HeadName>();
  for (const each of facts) {
    const { tenant } = each.event;
    const name = nameOf(each);
    if (name !== null) names.set(`${tenant} ${name}`, { tenant, name });
  }
  return [...names.values()];
}

/** A few at a time: behind a burst of ends there are thousands, and the turns that run read from the same connections. */
async function readTapes(
  seals: readonly EventFacts[],
  { log }: Pick<StepParts, 'log'>,
): Promise<ReadonlyMap<string, TapeFacts | GapInTape>> {
  const tapes = new Map<string, TapeFacts | GapInTape>();
  const left = seals.values();
  const readOn = async () => {
    for (const { event } of left) tapes.set(event.id, await readTape(log, event));
  };
  await Promise.all(Array.from({ length: recordLimits.recordTapesAtOnceMax }, readOn));
  return tapes;
}

/** The tree of a tape up to its seal. */
async function readTape(
  log: Pick<EventLog, 'readStream'>,
  { stream, revision }: RecordedEvent,
): Promise<TapeFacts | GapInTape> {
  const tree = new TapeTree();
  try {
    for await (const page of log.readStream(stream, { eventsMax: revision + 1 }))
      for (const event of page) tree.add(event);
    return tree.size === revision + 1 ? tree.facts : new GapInTape(stream, tree.size);
  } catch (error) {
    if (error instanceof GapInTape) return error;
    if (error instanceof EventMissing) return new GapInTape(stream, error.revision);
    throw error;
  }
}
