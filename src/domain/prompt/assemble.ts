import { createHash } from 'node:crypto';
import type { TextSource } from '../../formats/body-format.js';
import { limits } from '../../limits.js';
import {
  ASSEMBLER,
  assemblerOf,
  FORMAT,
  type Path,
  type PathEntry,
  type PromptAssembledData,
  type PromptTexts,
  recordLeftOut,
  renderPrompt,
} from './assembler.js';

/** The encoding and the limit of a model, from the token counter. */
export interface PromptTokenizer {
  readonly encoding: string;
  /** The model is unknown, so the encoding and the limit are assumptions. */
  readonly estimated: boolean;
  readonly contextLimit: number;
  count(text: string): number;
}

/** Tokens that chat models add around each message: its start, its role and its end. */
const MESSAGE_OVERHEAD_TOKENS = 4;
/** Every prompt ends with the start of the answer. */
const ANSWER_START_TOKENS = 3;

/**
 * Tokens that are reserved for the answer if the settings name no size: a quarter of the limit, so that a small model can
 * answer, and never more than the longest answer of common models.
 */
const ANSWER_SHARE = 1 / 4;
const ANSWER_SHARE_TOKENS_MAX = 16_384;

interface Allowance {
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

interface KeptTurns {
  /** The index of the first kept node of the path. The length of the path if none is kept. */
  readonly start: number;
  /** The tokens of each kept node, oldest first. */
  readonly tokens: readonly number[];
}

/** The tokens that a prompt has left for its history, and the count of one entry. */
interface Room {
  readonly tokens: number;
  /** Bounds the work on a prompt: few tokens may be many characters, and a budget may be any number. */
  readonly characters: number;
}

/**
 * Keeps the newest whole turns that fit. A turn is a message of the user with the replies after it, so no answer is kept
 * without its question. It walks back from the newest turn and stops at the first that does not fit, so the work depends on
 * the budget and not on the length of the history.
 */
function newestTurns(path: Path, room: Room, costOf: (entry: PathEntry) => Room): KeptTurns {
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

/** The input of a prompt, for a preview and for a turn. */
export interface PromptDraft {
  readonly provider: string;
  readonly model: string;
  /** Settings that the format allows. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly tokenBudget: number | null;
  readonly tokenizer: PromptTokenizer;
  readonly system: { readonly text: string; readonly source: TextSource } | null;
  /** The nodes before the newest message, from the root on. */
  readonly path: Path;
  /** The message to answer. Its id is known before it is sent. */
  readonly newest: Omit<PathEntry, 'status'>;
}

/** The data of PromptAssembled without the ids of message and generation. */
export type AssembledPrompt = Omit<PromptAssembledData, 'generationId' | 'messageId' | 'attempt'>;

/** One message of the body, for previews. Its tokens include those that the model adds around it. */
export interface Segment {
  readonly role: 'system' | 'user' | 'assistant';
  readonly text: string;
  readonly from: 'system' | 'history' | 'you';
  readonly id?: string;
  readonly tokens: number;
}

export type Assembly =
  | {
      readonly ok: true;
      readonly prompt: AssembledPrompt;
      readonly body: string;
      readonly segments: readonly Segment[];
    }
  /** The system text and the newest message exceed the budget, by these counts. */
  | { readonly ok: false; readonly overBudget: AssembledPrompt['tokens'] }
  /** The prompt would contain this node, of which a later release recorded more than this one can write. */
  | { readonly ok: false; readonly newer: string };

/**
 * Makes the exact body for a provider, and the record from which it can be made again. The same draft always gives the same
 * bytes. The body is rendered from the recorded parts, by the function that will render it again, so the two cannot differ.
 */
export function assemblePrompt(draft: PromptDraft): Assembly {
  const { provider, model, path, newest } = draft;
  // Some providers refuse an empty message.
  const system = draft.system?.text ? draft.system : null;
  const params = sortedByName(draft.params);

  const { segments, start, tokens } = withinBudget(draft, system?.text);
  if (tokens.prompt > tokens.budget) return { ok: false, overBudget: tokens };

  const run = [...path.slice(start), newest];
  const newer = run.find(({ isNewer }) => isNewer);
  if (newer) return { ok: false, newer: newer.id };
  const span = { from: run[0]?.id ?? newest.id, to: newest.id };
  const parts = FORMAT.partsOf({ model, system: system?.source, path: span, params });
  const texts: PromptTexts = { text: () => system?.text ?? '', path: () => run };
  const body = renderPrompt({ assembler: ASSEMBLER, format: FORMAT.name, parts }, texts);
  const bytes = Buffer.from(body, 'utf8');
  const prompt: AssembledPrompt = {
    provider,
    model,
    format: FORMAT.name,
    request: FORMAT.request,
    params: Object.fromEntries(params),
    parts,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
    tokens,
    trimmed: recordLeftOut(path, start),
    assembler: ASSEMBLER,
  };
  return { ok: true, prompt, body, segments };
}

/** Keeps the system text, the newest message, and as many of the newest turns as fit beside them. */
function withinBudget({ tokenizer, path, newest, params, tokenBudget }: PromptDraft, system: string | undefined) {
  const { whyLeftOut } = assemblerOf(ASSEMBLER);
  const cost = (text: string) => tokenizer.count(text) + MESSAGE_OVERHEAD_TOKENS;
  const allowance = allowanceOf(tokenizer.contextLimit, tokenBudget, FORMAT.answerTokensIn(params));

  const first: Segment[] =
    system === undefined ? [] : [{ role: 'system', text: system, from: 'system', tokens: cost(system) }];
  const last: Segment = { ...segmentOf(newest, 'you'), tokens: cost(newest.text) };
  const room = {
    tokens: allowance.budget - ANSWER_START_TOKENS - sumOf([...first, last]),
    characters: limits.promptCharactersMax - newest.text.length - (system?.length ?? 0),
  };

  // A fold for decisions lacks the texts of failed answers. To count them would give two prompts for one path.
  const turns = newestTurns(path, room, (entry) =>
    whyLeftOut(entry) ? { tokens: 0, characters: 0 } : { tokens: cost(entry.text), characters: entry.text.length },
  );
  const history = path.slice(turns.start).flatMap((entry, place): Segment[] => {
    return whyLeftOut(entry) ? [] : [{ ...segmentOf(entry, 'history'), tokens: turns.tokens[place] ?? 0 }];
  });
  const segments = [...first, ...history, last];

  const { encoding, estimated } = tokenizer;
  const tokens = { prompt: ANSWER_START_TOKENS + sumOf(segments), ...allowance, estimated, encoding };
  return { segments, start: turns.start, tokens };
}

const segmentOf = ({ id, role, text }: PathEntry, from: Segment['from']) => ({ role, text, from, id });

const sumOf = (segments: readonly Segment[]): number => segments.reduce((sum, { tokens }) => sum + tokens, 0);

/** Compares code units, so that the order is the same on every machine. */
const sortedByName = (params: PromptDraft['params']) => Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1));
