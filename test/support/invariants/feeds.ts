import { isDeepStrictEqual } from 'node:util';
import type { TypedEvent } from '../../../src/events/codec.js';
import type { FeedRecord, Shown } from '../turn-journal.js';
import { type Evidence, ofType, saidIn, textIn } from './evidence.js';

/** The place of a client: the events that it has seen of the ledger, and of the open generation's tape. */
interface Place {
  readonly seen: number;
  readonly taped: number;
  readonly open: string | undefined;
}

/** 4 and 5: each client was shown the events of the log in order, each exactly once. */
export function* areFed(evidence: Evidence): Iterable<string> {
  for (const feed of evidence.journal.feeds) {
    const breach = breachOf(evidence, feed);
    if (breach) yield `${breach}, to ${feed.client} on ${feed.conversation}`;
  }
}

/** The first one: behind it nothing fits any more. */
function breachOf({ ledgers, tapes }: Evidence, { conversation, shown, isComplete }: FeedRecord): string | undefined {
  const ledger = ledgers.get(conversation) ?? [];
  let place: Place = { seen: 0, taped: 0, open: undefined };
  for (const [nth, each] of shown.entries()) {
    const isStart = each.event === 'snapshot' && nth === 0;
    const next = isStart ? placeAt(ledger, each.id) : placeAfterNext(ledger, tapes, place, each);
    if (typeof next === 'string') return next;
    place = next;
    const breach = isStart ? snapshotBreach(ledger, tapes, place, each) : undefined;
    if (breach) return breach;
  }
  const isCut = isComplete && place.seen !== ledger.length;
  return isCut ? `4: only ${place.seen} of ${ledger.length} events were shown` : undefined;
}

/** Where a client is that was just shown this; or what is wrong with it. */
function placeAfterNext(
  ledger: readonly TypedEvent[],
  tapes: Evidence['tapes'],
  place: Place,
  each: Shown,
): Place | string {
  const event = nextAt(ledger, tapes, place, each.id);
  if (!event) return `4: ${each.event} was shown at ${each.id}, after ${place.seen}:${place.taped}`;
  if (!isAs(event, each)) return `4: ${JSON.stringify(each)} was shown for ${JSON.stringify(event.data)}`;
  const next = placeAfter(place, event);
  const ended = place.open !== undefined && next.open === undefined ? (tapes.get(place.open) ?? []) : undefined;
  if (ended && ended.length !== place.taped) {
    return `4: only ${place.taped} of ${ended.length} events of a tape were shown before its end`;
  }
  const due = `${next.seen}:${next.taped}`;
  return each.id === due ? next : `4: ${each.event} was shown at ${each.id}, and belongs at ${due}`;
}

/** The event that comes next on the stream on which the id says that the client has moved. */
function nextAt(ledger: readonly TypedEvent[], tapes: Evidence['tapes'], place: Place, id: string) {
  const [seen] = id.split(':').map(Number);
  if (seen !== place.seen) return ledger[place.seen];
  return place.open === undefined ? undefined : tapes.get(place.open)?.[place.taped];
}

function placeAfter({ seen, taped, open }: Place, event: TypedEvent): Place {
  if (event.stream.startsWith('generation-')) return { seen, taped: taped + 1, open };
  const next = { seen: seen + 1, taped, open };
  if (event.type === 'PromptAssembled') return { ...next, taped: 0, open: event.data.generationId };
  const closes = event.type === 'GenerationFinalized' && event.data.generationId === open;
  return closes ? { ...next, taped: 0, open: undefined } : next;
}

function placeAt(ledger: readonly TypedEvent[], id: string): Place {
  const [seen = 0, taped = 0] = id.split(':').map(Number);
  const start: Place = { seen: 0, taped: 0, open: undefined };
  return { ...ledger.slice(0, seen).reduce(placeAfter, start), taped };
}

const nameOf = (type: string): string =>
  type === 'DeltaReceived' ? 'delta' : type.replace(/(?<=.)[A-Z]/g, (letter) => `-${letter}`).toLowerCase();

/** Nothing is missing from what was shown that a person would read, and nothing of it is different. */
function isAs(event: TypedEvent, { event: name, data }: Shown): boolean {
  return name === nameOf(event.type) && isDeepStrictEqual({ ...data, ...essenceOf(event) }, data);
}

function essenceOf(event: TypedEvent): object {
  const generationId = event.stream.replace(/^generation-/, '');
  switch (event.type) {
    case 'ConversationStarted': {
      const { purpose: _, ...shown } = event.data;
      return shown;
    }
    case 'GenerationCancelRequested':
      return { generationId: event.data.generationId };
    case 'MessageSent':
      return { messageId: event.data.messageId, text: saidIn(event.data) };
    case 'PromptAssembled':
      return { generationId: event.data.generationId, promptSha256: event.data.sha256 };
    case 'DeltaReceived':
      return { generationId, ...event.data };
    case 'GenerationClaimed':
      return { generationId, attempt: event.data.attempt };
    case 'AttemptEnded':
      return {
        generationId,
        attempt: event.data.attempt,
        outcome: event.data.outcome,
        error: event.data.error ?? null,
      };
    case 'GenerationFinalized': {
      const { generationId: id, status, textSha256, attempt, error = null } = event.data;
      return { generationId: id, status, text: textIn(event), textSha256, attempt, error };
    }
    default:
      return event.data;
  }
}

/** What a client begins with is held against the log like every event that it would have been shown up to there. */
function snapshotBreach(
  ledger: readonly TypedEvent[],
  tapes: Evidence['tapes'],
  { seen, taped, open }: Place,
  { id, data }: Shown,
): string | undefined {
  const before = ledger.slice(0, seen);
  const tape = (open === undefined ? undefined : tapes.get(open))?.slice(0, taped) ?? [];
  const texts = new Map<string, string>();
  for (const { data: sent } of ofType(before, 'MessageSent')) texts.set(sent.messageId, saidIn(sent));
  for (const { data: asked } of ofType(before, 'GenerationRequested')) texts.set(asked.generationId, '');
  const attempt = ofType(tape, 'GenerationClaimed').at(-1)?.data.attempt;
  const pieces = ofType(tape, 'DeltaReceived').filter(
    (piece) => piece.data.attempt === attempt && piece.data.channel === 'content',
  );
  if (open !== undefined) texts.set(open, pieces.map((piece) => piece.data.text).join(''));
  for (const end of ofType(before, 'GenerationFinalized')) texts.set(end.data.generationId, textIn(end));
  const nodes: { id: string; text: string }[] = data.tree;
  const shown = new Map(nodes.map((node) => [node.id, node.text]));
  return isDeepStrictEqual(shown, texts) ? undefined : `5: the snapshot at ${id} shows other texts than the log`;
}
