import { createHash } from 'node:crypto';
import type { TextSource } from '../../formats/body-format.js';
import { limits } from '../../limits.js';
import { ASSEMBLER, assemblerOf, FORMAT, type PromptAssembledData, renderPrompt } from './assembler.js';
import {
  ANSWER_START_TOKENS,
  allowanceOf,
  MESSAGE_OVERHEAD_TOKENS,
  newestTurns,
  type PromptTokenizer,
} from './budget.js';
import { recordLeftOut } from './left-out.js';
import type { Path, PathEntry, PromptTexts } from './prompt-texts.js';

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
