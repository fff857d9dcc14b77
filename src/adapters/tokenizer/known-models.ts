export type EncodingName = 'o200k_base' | 'cl100k_base';

export interface KnownModel {
  readonly encoding: EncodingName;
  readonly contextLimit: number;
}

/**
 * Limits as of 2026-11-20: those of OpenAI's model pages as gpt-tokenizer 4.0.0 quotes them. Where the input is bounded
 * apart from the window (400,000, of which 272,000 may be input), the table has the smaller number: more would be refused. The
 * pages say so of some models of the GPT-5 line only; it is taken to hold for their siblings of the same window too.
 */
const limits: Record<EncodingName, Record<string, number>> = {
  o200k_base: {
    'chatgpt-4o-latest': 128_000,
    'gpt-4o': 128_000,
    'gpt-4o-mini': 128_000,
    'gpt-4.1': 1_047_576,
    'gpt-4.1-mini': 1_047_576,
    'gpt-4.1-nano': 1_047_576,
    'gpt-4.5-preview': 128_000,
    o1: 200_000,
    'o1-mini': 128_000,
    'o1-preview': 128_000,
    o3: 200_000,
    'o3-mini': 200_000,
    'o4-mini': 200_000,
    'gpt-5': 272_000,
    'gpt-5-mini': 272_000,
    'gpt-5-nano': 272_000,
    'gpt-5-chat-latest': 128_000,
    'gpt-5.1': 272_000,
    'gpt-5.1-chat-latest': 128_000,
    'gpt-5.2': 272_000,
    'gpt-5.2-chat-latest': 128_000,
    'gpt-5.3-chat-latest': 128_000,
    'gpt-5.4': 922_000,
    'gpt-5.4-mini': 272_000,
    'gpt-5.4-nano': 272_000,
    'gpt-5.5': 922_000,
    'gpt-5.6-luna': 922_000,
    'gpt-5.6-sol': 922_000,
    'gpt-5.6-terra': 922_000,
    'chat-latest': 272_000,
    /** Its encoding differs only in control tokens. */
    'gpt-oss-20b': 131_072,
    'gpt-oss-120b': 131_072,
    /** The demo model has no tokenizer, so this encoding is a choice. */
    demo: 128_000,
  },
  cl100k_base: {
    'gpt-3.5-turbo': 16_385,
    'gpt-3.5-turbo-0125': 16_385,
    'gpt-3.5-turbo-1106': 16_385,
    'gpt-4': 8_192,
    'gpt-4-0613': 8_192,
    'gpt-4-turbo': 128_000,
    'gpt-4-turbo-preview': 128_000,
    'gpt-4-0125-preview': 128_000,
    'gpt-4-1106-preview': 128_000,
  },
};

export const knownModels: ReadonlyMap<string, KnownModel> = new Map(
  Object.entries(limits).flatMap(([encoding, models]) =>
    Object.entries(models).map(([name, contextLimit]) => [name, { encoding: encoding as EncodingName, contextLimit }]),
  ),
);

const FINE_TUNED = /^ft:([^:]+):/;
const DATED = /-\d{4}-\d{2}-\d{2}$/;

/** A dated snapshot and a fine-tuned model count as the model they come from. */
export function knownModel(name: string): KnownModel | undefined {
  const base = FINE_TUNED.exec(name)?.[1] ?? name;
  return knownModels.get(base) ?? knownModels.get(base.replace(DATED, ''));
}
