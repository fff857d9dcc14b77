import type { RecordedUsage } from '../events/outcome.js';

type Reported = Readonly<Record<string, unknown>>;

/**
 * The usage object of `openai-chat@1`, normalised. A field that is no count is absent, and a usage without any count is
 * unknown. The price of the input depends on its cached part: when that cannot be read, the input is unknown too.
 */
export function usageOf(reported: Reported | null): RecordedUsage | null {
  if (!reported) return null;
  const input = reported.prompt_tokens_details ?? {};
  const output = reported.completion_tokens_details ?? {};
  const cachedRead = fieldOf(input, 'cached_tokens');
  const usage: RecordedUsage = {
    ...((cachedRead === undefined || isCount(cachedRead)) && counted('input', reported.prompt_tokens)),
    ...counted('output', reported.completion_tokens),
    ...counted('cachedRead', cachedRead),
    ...counted('cachedWrite', fieldOf(input, 'cache_write_tokens')),
    ...counted('reasoning', fieldOf(output, 'reasoning_tokens')),
    ...counted('total', reported.total_tokens),
  };
  return Object.keys(usage).length > 0 ? usage : null;
}

/** Details that are no object are not readable, which is not the same as absent. */
const fieldOf = (details: unknown, name: string): unknown =>
  typeof details === 'object' ? ((details as Reported)[name] ?? undefined) : details;

const counted = (name: keyof RecordedUsage, value: unknown): RecordedUsage => (isCount(value) ? { [name]: value } : {});

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** The finish reason of `openai-chat@1`, normalised. One that is not known here stays as the provider named it. */
export const finishReasonOf = (reported: string): string => (reported === 'function_call' ? 'tool_calls' : reported);
