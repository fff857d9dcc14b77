import type { Path, PathEntry } from './prompt-texts.js';

/** The encoding and the limit of a model, from the token counter. */
export interface PromptTokenizer {
  readonly encoding: string;
  /** The model is unknown, so the encoding and the limit are assumptions. */
  readonly estimated: boolean;
  readonly contextLimit: number;
  count(text: string): number;
}

/** Tokens that chat models add around each message: its start, its role and its end. */
export const MESSAGE_OVERHEAD_TOKENS = 4;
/** Every prompt ends with the start of the answer. */
export const ANSWER_START_TOKENS = 3;

/**
 * Tokens that are reserved for the answer if the settings name no size: a quarter of the limit, so that a small model can
 * answer, and never more than the longest answer of common models.
 */
const ANSWER_SHARE = 1 / 4;
const ANSWER_SHARE_TOKENS_MAX = 16_384;

export interface Allowance {
  /** Tokens for the prompt. */
  readonly budget: number;
  /** Tokens that are reserved for the answer. */
  readonly reserved: number;
  /** The sum of both. */
  readonly limit: number;
}

/**
 * A `tokenBudget` replaces the limit of the model, because its caller may know the model better than the table does. The
 * settings may name the tokens for the answer; otherwise it gets a fixed share of the limit.
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
  /** The index of the first kept node of the path. The length of the path if none is kept. */
  readonly start: number;
  /** The tokens of each kept node, oldest first. */
  readonly tokens: readonly number[];
}

/** The tokens that a prompt has left for its history, and the count of one entry. */
export interface Room {
  readonly tokens: number;
  /** Bounds the work on a prompt: few tokens may be many characters, and a budget may be any number. */
  readonly characters: number;
}

/**
 * Keeps the newest whole turns that fit. A turn is a message of the user with the replies after it, so no answer is kept
 * without its question. It walks back from the newest turn and stops at the first that does not fit, so the work depends on
 * the budget and not on the length of the history.
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
    // The nodes before the first message of a user form a turn.
    if (entry.role === 'user' || place === 0) start = place;
  }
  return { start, tokens: tokens.slice(0, path.length - start).reverse() };
}
