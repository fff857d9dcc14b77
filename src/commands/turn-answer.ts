import type { Answer } from '../domain/conversation/answer.js';
import { TerminalError } from '../ports/errors.js';

/** The answer to the command of a turn, before its generation is claimed. */
export interface TurnAnswer {
  readonly generationId: string;
  /** Null for a queued turn: its prompt is not known yet. */
  readonly promptSha256: string | null;
  readonly status: 'queued';
  readonly cursor: string;
}

/** The answer with the id of the message. */
export type AnsweredTurn = TurnAnswer & { readonly messageId: string };

export function turnAnswer(answer: Answer | undefined): TurnAnswer {
  if (!answer?.generationId) throw new TerminalError('a turn was asked for and left no generation');
  const { generationId, promptSha256, seen } = answer;
  return { generationId, promptSha256, status: 'queued', cursor: `${seen}:0` };
}
