import { isDeepStrictEqual } from 'node:util';
import type { TypedEvent } from '../../../src/events/codec.js';
import { type EventOfType, type Evidence, grouped, isWithdrawal, ofType, sha256, textIn } from './evidence.js';

const STATUS = { completed: 'final', cancelled: 'cancelled', failed: 'error' } as const;

/** 5: every generation has one end, which is what its tape says; and 4: what the model said, to the letter. */
export function* areEnded(evidence: Evidence): Iterable<string> {
  const { events, tapes } = evidence;
  const requested = new Set(ofType(events, 'GenerationRequested').map(({ data }) => data.generationId));
  const ends = grouped(ofType(events, 'GenerationFinalized'), ({ data }) => data.generationId);
  for (const [generation] of ends)
    if (!requested.has(generation)) yield `5: ${generation} ended and was never asked for`;
  for (const generation of requested) {
    const [end, ...more] = ends.get(generation) ?? [];
    if (!end || more.length > 0) yield `5: ${generation} ended ${end ? more.length + 1 : 0} times`;
    else for (const breach of endBreaches(evidence, end)) yield `${breach} at the end of ${generation}`;
  }
  const prompted = new Set(ofType(events, 'PromptAssembled').map(({ data }) => data.generationId));
  for (const [generation, tape] of tapes) {
    if (!prompted.has(generation) && !isUncalled(tape)) yield `5: ${generation} has a tape and no prompt`;
  }
}

/**
 * A claim leaves beside its prompt. The prompt can lose the race for the ledger, and be refused when it is decided
 * again: then the claim is withdrawn, and another may be made for another try. The last one stands alone when its worker
 * died first.
 */
const isUncalled = (tape: readonly TypedEvent[]): boolean =>
  tape.every((event, nth) => (nth % 2 === 0 ? event.type === 'GenerationClaimed' : isWithdrawal(event)));

function* endBreaches(evidence: Evidence, end: EventOfType<'GenerationFinalized'>): Iterable<string> {
  const { generationId, attempt, textSha256, error } = end.data;
  const text = textIn(end);
  if (textSha256 !== sha256(text)) yield '5: the hash of the text is another';
  if (error && !evidence.failures.includes(error.kind))
    yield `10: an error of kind ${error.kind}, which no fault caused`;
  const tape = evidence.tapes.get(generationId) ?? [];
  if (attempt === null) {
    if (text !== '' || !isUncalled(tape)) yield '5: it was called, and says that it was not';
    return;
  }
  const seal = tape.at(-1);
  if (seal?.type !== 'AttemptEnded' || seal.data.retryAt !== undefined) yield '5: the tape is not sealed';
  else yield* sealBreaches(evidence, end, seal);
}

function* sealBreaches(
  evidence: Evidence,
  end: EventOfType<'GenerationFinalized'>,
  seal: EventOfType<'AttemptEnded'>,
): Iterable<string> {
  const { generationId, attempt, status, deltas, error, finishReason, usage } = end.data;
  const pieces = ofType(evidence.tapes.get(generationId) ?? [], 'DeltaReceived');
  const counted = pieces.filter(({ data }) => data.attempt === attempt);
  const said = counted.filter(({ data }) => data.channel === 'content').map(({ data }) => data.text);
  const told = [attempt, status, textIn(end), deltas, error, finishReason, usage];
  const { data } = seal;
  const taped = [
    data.attempt,
    STATUS[data.outcome],
    said.join(''),
    counted.length,
    data.error,
    data.finishReason,
    data.usage,
  ];
  if (!isDeepStrictEqual(told, taped)) yield `5: it says ${JSON.stringify(told)}, the tape ${JSON.stringify(taped)}`;
  if ((seal.position ?? '') > (end.position ?? '')) yield '5: it was written before the tape was sealed';
  yield* textBreaches(evidence, end);
}

/** What a model said is known only as far as it was called; but an answer that is complete is one that it gave. */
function* textBreaches({ events, calls }: Evidence, end: EventOfType<'GenerationFinalized'>): Iterable<string> {
  const { data } = end;
  const prompt = ofType(events, 'PromptAssembled').find(
    ({ data: { generationId } }) => generationId === data.generationId,
  );
  const answers = calls.filter(({ sha256: hash }) => hash === prompt?.data.sha256).map(({ answer }) => answer);
  const { status } = data;
  const text = textIn(end);
  const isSaid = answers.some((answer) => (status === 'final' ? answer === text : answer.startsWith(text)));
  if (!isSaid && (status === 'final' || text !== '')) yield '4: the text is not what the model said';
}
