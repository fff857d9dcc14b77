import { isAcknowledged } from './acknowledged.js';
import { areEnded } from './endings.js';
import { type Evidence, gather, type Rule, type Testimony } from './evidence.js';
import { areFed } from './feeds.js';
import { isInOrder } from './order.js';
import { arePrompted } from './prompts.js';
import { areFenced } from './tapes.js';

/**
 * Holds the invariants of a turn (ARCHITECTURE.md) against a log on which nothing is going on any more. That a preview is
 * the prompt, leaves nothing in a log by which it could be judged: tests of the preview do that.
 */
const rules: readonly Rule[] = [isWitnessed, isInOrder, isAcknowledged, areFenced, areEnded, arePrompted, areFed];

/** What is broken, and how; nothing when everything holds. */
export async function breaches(testimony: Testimony): Promise<string[]> {
  return breachesOf(await gather(testimony));
}

export function breachesOf(evidence: Evidence): string[] {
  return rules.flatMap((rule) => [...rule(evidence)]);
}

/** A run in which nothing was promised breaks no promise, and proves nothing. */
function* isWitnessed({ journal, calls }: Evidence): Iterable<string> {
  const turns = journal.acknowledged.filter(({ asked }) => asked.what === 'send');
  if (turns.length === 0) yield 'no proof: no message was acknowledged';
  if (calls.length === 0) yield 'no proof: no model was called';
  if (!journal.feeds.some(({ shown }) => shown.some(({ event }) => event === 'delta'))) {
    yield 'no proof: no client was shown any piece of an answer';
  }
}
