import { createHash } from 'node:crypto';
import { createCodec, type TypedEvent } from '../../../src/events/codec.js';
import { type Position, START } from '../../../src/events/envelope.js';
import { decodeOrFail, type EventLog } from '../../../src/ports/event-log.js';
import type { TurnJournal } from '../turn-journal.js';

/** A request as a provider received it. */
export interface ReceivedCall {
  readonly body: string;
  /** All that it was going to answer, in one text. */
  readonly answer: string;
  /** The revision of the log at the request, if it was read. */
  readonly head?: Position;
}

/** All evidence of a run: the log, and the requests and answers of clients and providers. */
export interface Testimony {
  readonly log: Pick<EventLog, 'readAll'>;
  readonly journal: TurnJournal;
  readonly calls: readonly ReceivedCall[];
  /** Why an answer may have failed, besides the crashes. */
  readonly otherFailures?: readonly string[];
}

export interface Evidence {
  /** In the order of their positions. */
  readonly events: readonly TypedEvent[];
  /** By the id of the conversation. */
  readonly ledgers: ReadonlyMap<string, readonly TypedEvent[]>;
  /** By the id of the generation. */
  readonly tapes: ReadonlyMap<string, readonly TypedEvent[]>;
  readonly journal: TurnJournal;
  readonly calls: readonly (ReceivedCall & { readonly sha256: string })[];
  readonly failures: readonly string[];
}

/** Each breach, as the number of the invariant and what breaks it. */
export type Rule = (evidence: Evidence) => Iterable<string>;

type Type = TypedEvent['type'];
export type EventOfType<T extends Type> = Extract<TypedEvent, { type: T }>;

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export function ofType<T extends Type>(events: Iterable<TypedEvent>, type: T): EventOfType<T>[] {
  return [...events].filter((event): event is EventOfType<T> => event.type === type);
}

/** The answer that an end records. */
export const textIn = ({ data }: EventOfType<'GenerationFinalized'>): string =>
  data.blocks.map((block) => (block.kind === 'text' ? block.text : '')).join('');

/** What a message says. */
export const saidIn = ({ parts }: EventOfType<'MessageSent'>['data']): string =>
  parts.map((part) => (part.type === 'text' ? part.text : '')).join('');

/** The end of a claim with which nothing was done: it leaves the tape to be claimed again. */
export const isWithdrawal = (event: TypedEvent): boolean =>
  event.type === 'AttemptEnded' && event.data.error?.kind === 'withdrawn' && event.data.retryAt !== undefined;

/** As Map.groupBy, which Node 20 does not have. */
export function grouped<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

export async function gather({ log, journal, calls, otherFailures = [] }: Testimony): Promise<Evidence> {
  const codec = createCodec();
  const events: TypedEvent[] = [];
  for await (const page of log.readAll(START)) {
    events.push(...(await decodeOrFail(codec, page.events)));
  }
  return {
    events,
    ledgers: streamsOf(events, 'conversation-'),
    tapes: streamsOf(events, 'generation-'),
    journal,
    calls: calls.map((call) => ({ ...call, sha256: sha256(call.body) })),
    failures: ['interrupted', ...otherFailures],
  };
}

function streamsOf(events: readonly TypedEvent[], category: string): Map<string, TypedEvent[]> {
  const ours = events.filter(({ stream }) => stream.startsWith(category));
  return grouped(ours, ({ stream }) => stream.slice(category.length));
}
