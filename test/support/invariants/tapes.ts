import type { TypedEvent } from '../../../src/events/codec.js';
import type { EventOfType, Evidence } from './evidence.js';

interface Standing {
  /** The number of the last claim. */
  readonly attempt: number;
  readonly isOpen: boolean;
  readonly deltas: number;
  readonly isSealed: boolean;
}

/** 4: pieces in order, each once. 9: only the worker that claimed last writes. 10: no other call once text has come. */
export function* areFenced({ tapes }: Evidence): Iterable<string> {
  for (const [generation, tape] of tapes) {
    for (const breach of breachesOf(tape)) yield `${breach} on the tape of ${generation}`;
  }
}

function* breachesOf(tape: readonly TypedEvent[]): Iterable<string> {
  let standing: Standing = { attempt: 0, isOpen: false, deltas: 0, isSealed: false };
  for (const event of tape) {
    if (standing.isSealed) yield `5: ${event.type} follows the seal`;
    switch (event.type) {
      case 'GenerationClaimed':
        yield* claimBreaches(standing, event);
        standing = { attempt: event.data.attempt, isOpen: true, deltas: 0, isSealed: standing.isSealed };
        break;
      case 'DeltaReceived':
        yield* deltaBreaches(standing, event);
        standing = { ...standing, deltas: event.data.seq + 1 };
        break;
      case 'AttemptEnded':
        if (!isCurrent(standing, event.data.attempt))
          yield `9: an end of attempt ${event.data.attempt}, which is not open`;
        standing = { ...standing, isOpen: false, isSealed: standing.isSealed || event.data.retryAt === undefined };
        break;
      default:
        yield `9: a ${event.type}`;
    }
  }
}

function* claimBreaches(standing: Standing, { data }: EventOfType<'GenerationClaimed'>): Iterable<string> {
  if (data.attempt !== standing.attempt + 1) yield `9: claim ${data.attempt} comes after claim ${standing.attempt}`;
  if (standing.isOpen) yield `9: claim ${data.attempt} comes while attempt ${standing.attempt} is open`;
  if (standing.deltas > 0) yield `10: claim ${data.attempt} comes after text had come`;
}

function* deltaBreaches(standing: Standing, { data }: EventOfType<'DeltaReceived'>): Iterable<string> {
  if (!isCurrent(standing, data.attempt)) yield `9: a piece of attempt ${data.attempt}, which is not open`;
  if (data.seq !== standing.deltas) yield `4: piece ${data.seq} comes where ${standing.deltas} is due`;
  if (data.text === '') yield '4: an empty piece';
}

const isCurrent = ({ isOpen, attempt }: Standing, claimed: number): boolean => isOpen && claimed === attempt;
