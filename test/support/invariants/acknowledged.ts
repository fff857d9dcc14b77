import { isDeepStrictEqual } from 'node:util';
import type { TypedEvent } from '../../../src/events/codec.js';
import type { Acknowledgement } from '../turn-journal.js';
import { type Evidence, ofType, saidIn } from './evidence.js';

/** 1: acknowledged commands are recorded. 2: one key has one effect, and always got the same answer. */
export function* isAcknowledged(evidence: Evidence): Iterable<string> {
  for (const given of evidence.journal.acknowledged) yield* stands(evidence, given);
  yield* wasAnsweredAlike(evidence);
  yield* wasDoneOnce(evidence);
}

function* stands({ ledgers }: Evidence, given: Acknowledgement): Iterable<string> {
  const ledger = ledgers.get(given.conversation) ?? [];
  const { cursor } = given.answer;
  const seen = cursor === undefined ? ledger.length : Number(/^(\d+):0$/.exec(cursor)?.[1] ?? Number.NaN);
  const missing = seen <= ledger.length ? missingFrom(ledger.slice(0, seen), given) : `cursor ${cursor}`;
  if (missing) yield `1: ${missing} of the acknowledged ${given.asked.what} ${given.key} is not in the log`;
}

/** What was promised to be among these events, and is not. */
function missingFrom(events: readonly TypedEvent[], { asked, answer }: Acknowledgement): string | undefined {
  switch (asked.what) {
    case 'start':
      return ofType(events, 'ConversationStarted').length === 1 ? undefined : 'the start';
    case 'send':
      return isSent(events, asked.content, answer.messageId) ? missingTurn(events, answer) : 'the message';
    case 'regenerate':
      return ofType(events, 'GenerationRequested').some(({ data }) => data.regenerates === asked.generation)
        ? missingTurn(events, answer)
        : 'the request';
    case 'cancel':
      return missingCancel(events, asked.generation, answer);
  }
}

function isSent(events: readonly TypedEvent[], content: string, messageId: string | undefined): boolean {
  const sent = ofType(events, 'MessageSent').filter(({ data }) => data.messageId === messageId);
  return sent.length === 1 && sent.every(({ data }) => saidIn(data) === content);
}

function missingTurn(events: readonly TypedEvent[], answer: Acknowledgement['answer']): string | undefined {
  const { generationId, promptSha256 } = answer;
  const isMine = ({ data }: { data: { generationId: string } }) => data.generationId === generationId;
  if (ofType(events, 'GenerationRequested').filter(isMine).length !== 1) return 'the generation';
  const prompts = ofType(events, 'PromptAssembled').filter(isMine);
  if (promptSha256 === null) return undefined;
  return prompts.length === 1 && prompts[0]?.data.sha256 === promptSha256 ? undefined : 'the prompt';
}

function missingCancel(
  events: readonly TypedEvent[],
  generation: string,
  { status }: Acknowledgement['answer'],
): string | undefined {
  const ended = ofType(events, 'GenerationFinalized').find(({ data }) => data.generationId === generation);
  if (status !== undefined) return ended?.data.status === status ? undefined : `the end as ${status}`;
  const requests = ofType(events, 'GenerationCancelRequested');
  return ended || requests.some(({ data }) => data.generationId === generation) ? undefined : 'the cancel';
}

function* wasAnsweredAlike({ journal }: Evidence): Iterable<string> {
  const first = new Map<string, Acknowledgement>();
  for (const given of journal.acknowledged) {
    const { key, status, answer } = first.get(given.key) ?? given;
    first.set(key, first.get(key) ?? given);
    if (given.status !== status || !isDeepStrictEqual(given.answer, answer)) {
      yield `2: ${key} was answered ${JSON.stringify(answer)}, and later ${given.status} ${JSON.stringify(given.answer)}`;
    }
  }
}

function* wasDoneOnce({ events, journal }: Evidence): Iterable<string> {
  const done = new Set<string>();
  for (const { type, meta, stream } of events) {
    if (type !== 'ConversationStarted' && type !== 'MessageSent' && type !== 'GenerationRequested') continue;
    const deed = `${type} of command ${meta.commandId}`;
    if (done.has(deed)) yield `2: ${deed} occurs twice, now in ${stream}`;
    done.add(deed);
  }
  const texts = ofType(events, 'MessageSent').map(({ data }) => saidIn(data));
  const keyOf = new Map(
    journal.acknowledged.map(({ asked, key }) => [asked.what === 'send' ? asked.content : '', key]),
  );
  for (const [nth, text] of texts.entries()) {
    if (keyOf.has(text) && texts.indexOf(text) !== nth) yield `2: the message of ${keyOf.get(text)} occurs twice`;
  }
}
