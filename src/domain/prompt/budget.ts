import type { Path, PathEntry } from './prompt-texts.js';

/** How a model counts, as the port of the token counter tells it. */
export interface PromptTokenizer {
  readonly encoding: string;
  /** The model is not known: the encoding and the limit are assumptions. */
  readonly estimated: boolean;
  readonly contextLimit: number;
  count(text: string): number;
}

/** What chat models add around each message: its start, its role and its end. */
export const MESSAGE_OVERHEAD_TOKENS = 4;
/** The start of the answer stands at the end of every prompt. */
export const ANSWER_START_TOKENS = 3;

/**
 * Kept free for the answer when nothing asks for a size: a quarter of the limit, so that a small model can still answer,
 * and never more than the longest answer that a common model gives.
 */
const ANSWER_SHARE = 1 / 4;
const ANSWER_SHARE_TOKENS_MAX = 16_384;

export interface Allowance {
  /** What the prompt may take. */
  readonly budget: number;
  /** Kept free for the answer. */
  readonly reserved: number;
  /** Both together. */
  readonly limit: number;
}

/**
 * A `tokenBudget` takes the place of the model's own limit: whoever sets one knows the model, or the bill, better than a
 * table does. The answer's share is what the request allows it, else a stated part of the limit.
 */
export function allowanceOf(
  contextLimit: number,
  tokenBudget: number | null,
  answerTokens: number | undefined,
): Allowance {
  const limit = tokenBudget ?? contextLimit;
  const share = Math.min(Math.floor(limit * ANSWER_SHARE), ANSWER_SHARE_TOKENS_MAX);
  const reserved = answerTokens ?? share;
  return { budget: Math.max(0, limit - reserved), reserved, limit };
}

export interface KeptTurns {
  /** Where in the path what is kept begins; its length when nothing is. */
  readonly start: number;
  /** The tokens of each kept node, oldest first. */
  readonly tokens: readonly number[];
}

/** What is left of a prompt for its history, and what an entry of it takes. */
export interface Room {
  readonly tokens: number;
  /** Few tokens may be many characters, and a budget may be any number: this bounds the work on a prompt. */
  readonly characters: number;
}

/**
 * The newest whole turns that fit: a message of the user with the replies that follow it, so that no answer is left
 * without its question. It walks back from the newest and stops at the first turn that does not fit, so a prompt costs
 * what its budget holds and not what its history holds.
 */
export function newestTurns(path: Path, room: Room, costOf: (entry: PathEntry) => Room): KeptTurns {
  const tokens: number[] = [];
  let start = path.length;
  let sum = 0;
  let characters = 0;
  for (let place = path.length - 1; place >= 0; place--) {
    const entry = path.at(place) as PathEntry;
    const cost = costOf(entry);
    tokens.push(cost.tokens);
    sum += cost.tokens;
    characters += cost.characters;
    if (sum > room.tokens || characters > room.characters) break;
    // What comes before the first message of a user is a turn of its own.
    if (entry.role === 'user' || place === 0) start = place;
  }
  return { start, tokens: tokens.slice(0, path.length - start).reverse() };
}
