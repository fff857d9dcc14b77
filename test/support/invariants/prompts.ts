import { conversation, type RecordedInConversation } from '../../../src/domain/conversation/conversation.js';
import { bodyOf } from '../../../src/domain/conversation/prompting.js';
import { type EventOfType, type Evidence, grouped, isWithdrawal, ofType, sha256 } from './evidence.js';

/** 6: what was sent was on the record before. 8: it can be made again, byte for byte. 10: no call without a claim. */
export function* arePrompted(evidence: Evidence): Iterable<string> {
  yield* areMadeAgain(evidence);
  yield* areOnRecord(evidence);
  yield* areClaimed(evidence);
  yield* areNamed(evidence);
}

function* areMadeAgain({ ledgers }: Evidence): Iterable<string> {
  for (const ledger of ledgers.values()) {
    const state = (ledger as unknown as RecordedInConversation[]).reduce(conversation.evolve, conversation.initial);
    for (const { data } of ofType(ledger, 'PromptAssembled')) {
      const body = bodyOf(state, data);
      const isSame = sha256(body) === data.sha256 && Buffer.byteLength(body) === data.bytes;
      if (!isSame) yield `8: the prompt of ${data.generationId} comes out of the log as another one`;
    }
  }
}

function* areOnRecord({ events, calls }: Evidence): Iterable<string> {
  const positions = new Map<string, string>();
  for (const { data, position = '' } of ofType(events, 'PromptAssembled')) {
    positions.set(data.sha256, positions.get(data.sha256) ?? position);
  }
  for (const [nth, { sha256: hash, head }] of calls.entries()) {
    const position = positions.get(hash);
    if (position === undefined) yield `6: call ${nth} was made with a body that no prompt records`;
    else if (head !== undefined && head < position) yield `6: call ${nth} was made before its prompt was committed`;
  }
}

/** By the hash of the body: two generations may have been asked the same. */
function* areClaimed({ events, tapes, calls }: Evidence): Iterable<string> {
  const prompts = grouped(ofType(events, 'PromptAssembled'), ({ data }) => data.sha256);
  for (const [hash, alike] of prompts) {
    const taped = alike.flatMap(({ data }) => [...(tapes.get(data.generationId) ?? [])]);
    const claims = ofType(taped, 'GenerationClaimed').length - taped.filter(isWithdrawal).length;
    const answered = answeredAttempts(alike, tapes);
    const called = calls.filter(({ sha256: other }) => other === hash).length;
    const whose = alike.map(({ data }) => data.generationId).join(' and ');
    if (called > claims) yield `10: a model was called ${called} times for ${whose}, which was claimed ${claims} times`;
    if (called < answered) yield `6: the prompt of ${whose} has ${answered} answers, and was sent ${called} times`;
  }
}

/** A claim names the model of the prompt that it was made for. One that was withdrawn may have been made for another. */
function* areNamed({ events, tapes }: Evidence): Iterable<string> {
  for (const { data: prompt } of ofType(events, 'PromptAssembled')) {
    const tape = tapes.get(prompt.generationId) ?? [];
    const withdrawn = new Set(ofType(tape.filter(isWithdrawal), 'AttemptEnded').map(({ data }) => data.attempt));
    for (const { data: claim } of ofType(tape, 'GenerationClaimed')) {
      const isOfPrompt = claim.provider === prompt.provider && claim.model === prompt.model;
      if (!isOfPrompt && !withdrawn.has(claim.attempt))
        yield `10: claim ${claim.attempt} of ${prompt.generationId} names ${claim.model}, its prompt ${prompt.model}`;
    }
  }
}

function answeredAttempts(prompts: readonly EventOfType<'PromptAssembled'>[], tapes: Evidence['tapes']): number {
  const answers = prompts.flatMap(({ data: { generationId } }) => {
    const attempts = (tapes.get(generationId) ?? []).flatMap((event) => {
      const isAnswer =
        event.type === 'AttemptEnded' ? event.data.outcome === 'completed' : event.type === 'DeltaReceived';
      return isAnswer ? [(event as EventOfType<'DeltaReceived'>).data.attempt] : [];
    });
    return [...new Set(attempts)];
  });
  return answers.length;
}
