import fc from 'fast-check';
import {
  type Assembly,
  assemblePrompt,
  type PromptDraft,
  type PromptTokenizer,
} from '../../../../src/domain/prompt/assemble.js';
import {
  type LeftOutNode,
  leftOutNodes,
  type PathEntry,
  type PromptTexts,
} from '../../../../src/domain/prompt/assembler.js';
import { anyText } from '../../events/arbitrary-events.js';

/** One token for each UTF-16 unit, so that a test can count with its fingers. */
export const oneEach: PromptTokenizer = {
  encoding: 'one-each',
  estimated: false,
  contextLimit: 1_000_000,
  count: (text) => text.length,
};

export const user = (id: string, text = id): PathEntry => ({ id, role: 'user', text });
export const reply = (id: string, text = id, status: PathEntry['status'] = 'final'): PathEntry => ({
  id,
  role: 'assistant',
  text,
  status,
});

export const leftOutIn = (prompt: Parameters<typeof leftOutNodes>[0], path: readonly PathEntry[]): LeftOutNode[] =>
  leftOutNodes(
    prompt,
    path.map(({ id }) => id),
    (id) => path.find((entry) => entry.id === id) as PathEntry,
  );

export const systemSource = { event: 'e-system', pointer: 'data/system' };
export const system = (text: string) => ({ text, source: systemSource });

/** One of which the whole path is at hand. */
export type WholeDraft = PromptDraft & { readonly path: readonly PathEntry[] };

export const aDraft = (changes: Partial<WholeDraft> = {}): WholeDraft => ({
  provider: 'openai',
  model: 'gpt-4o',
  params: {},
  tokenBudget: null,
  tokenizer: oneEach,
  system: null,
  path: [],
  newest: user('new'),
  ...changes,
});

type Assembled = Extract<Assembly, { ok: true }>;

export function assembled(changes: Partial<WholeDraft> = {}): Assembled {
  const assembly = assemblePrompt(aDraft(changes));
  if (!assembly.ok) throw new Error(`no prompt: ${JSON.stringify(assembly)}`);
  return assembly;
}

/** What a reader of the log finds: the whole path as it stands there, searched by the ids of a part. */
export function textsOf({ system, path, newest }: WholeDraft): PromptTexts {
  const whole = [...path, newest];
  const placeOf = (id: string) => whole.findIndex((entry) => entry.id === id);
  return {
    text({ event, pointer }) {
      if (event !== system?.source.event || pointer !== system.source.pointer) {
        throw new Error(`no ${pointer} in ${event}`);
      }
      return system.text;
    },
    path: (from, to) => whole.slice(placeOf(from), placeOf(to) + 1),
  };
}

/** `turns` questions, each with its answer, all of the same length. */
export const history = (turns: number, textOf: (id: string) => string = (id) => id): PathEntry[] =>
  Array.from({ length: turns }, (_, nth) => String(nth).padStart(4, '0')).flatMap((number) => [
    user(`u${number}`, textOf(`u${number}`)),
    reply(`a${number}`, textOf(`a${number}`)),
  ]);

const anyStatus = fc.constantFrom('final', 'cancelled', 'error', undefined);
const anyEntry = fc.oneof(
  anyText.map((text) => ({ role: 'user' as const, text })),
  fc
    .record({ text: fc.oneof(anyText, fc.constant('')), status: anyStatus })
    .map(({ text, status }) => ({ role: 'assistant' as const, text, ...(status ? { status } : {}) })),
);
const anyParams = fc.record(
  {
    temperature: fc.double({ min: 0, max: 2, noNaN: true }),
    stop: fc.oneof(anyText, fc.array(anyText, { maxLength: 4 })),
    seed: fc.integer(),
    max_tokens: fc.integer({ min: 1, max: 200 }),
    reasoning_effort: fc.constantFrom('low', 'high'),
  },
  { requiredKeys: [] },
);

/** Drafts of every kind; among them some that are trimmed and some that do not fit. */
export const anyDraft: fc.Arbitrary<WholeDraft> = fc.record({
  provider: fc.constantFrom('openai', 'demo'),
  model: anyText,
  params: anyParams,
  tokenBudget: fc.option(fc.integer({ min: 1, max: 400 })),
  tokenizer: fc.constant(oneEach),
  system: fc.option(anyText.map(system)),
  path: fc.array(anyEntry, { maxLength: 12 }).map((path) => path.map((entry, nth) => ({ id: `n${nth}`, ...entry }))),
  newest: fc.record({ id: fc.constant('new'), role: fc.constantFrom('user', 'assistant'), text: anyText }),
});
