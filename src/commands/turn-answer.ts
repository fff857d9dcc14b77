import type { Answer } from '../domain/conversation/answer.js';
import { TerminalError } from '../ports/errors.js';

/** What becomes of a turn: asked for, and not claimed yet. */
export interface TurnAnswer {
  readonly generationId: string;
  /** Null for a turn that has to wait: its prompt is not known yet. */
  readonly promptSha256: string | null;
  readonly status: 'queued';
  readonly cursor: string;
}

/** The same, with the message that is answered. */
export type AnsweredTurn = TurnAnswer & { readonly messageId: string };

export function turnAnswer(answer: Answer | undefined): TurnAnswer {
  if (!answer?.generationId) throw new TerminalError('a turn was asked for and left no generation');
  const { generationId, promptSha256, seen } = answer;
  return { generationId, promptSha256, status: 'queued', cursor: `${seen}:0` };
}
