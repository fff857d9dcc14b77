import { usageOf } from '../../formats/openai-chat-1.js';
import { limits } from '../../limits.js';
import { ModelFailure, type ReportedUsage } from '../../ports/language-model.js';

/** A response that is no stream: its status, and the text that could be read. */
export interface PlainAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly retryAfterMs: number | undefined;
}

export function failureOf({ status, contentType, body, retryAfterMs }: PlainAnswer): ModelFailure {
  const said = parsed(body);
  const details = { providerStatus: status, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  if (status >= 200 && status < 300) {
    const words = wordsOfError(said) ?? `The provider answered without a stream (${contentType})`;
    return new ModelFailure('provider_error', bounded(words), { ...details, retryable: false, ...reported(said) });
  }
  if (status >= 300 && status < 400) {
    const words = `The provider answered with a redirect (HTTP ${status}), which is never followed`;
    return new ModelFailure('provider_error', words, { ...details, retryable: false });
  }
  const words = bounded(wordsOfError(said) ?? (body.trim() || `The provider answered with HTTP ${status}`));
  if (status === 429) return new ModelFailure('rate_limited', words, { ...details, retryable: true });
  return new ModelFailure('provider_error', words, { ...details, retryable: status >= 500 });
}

/** No connection, or a broken one. A retry is allowed only if no part of an answer had come. */
export function connectionFailure(error: NodeJS.ErrnoException, answerBegan: boolean): ModelFailure {
  const words = bounded(error.message || error.code || 'The connection failed');
  // Errors of Node's HTTP parser: the answer was not HTTP.
  if (error.code?.startsWith('HPE_')) return new ModelFailure('provider_error', words, { retryable: false });
  return new ModelFailure('network', words, { retryable: !answerBegan });
}

/** The error in a body, in the shapes of compatible servers. Undefined if there is none. */
export function wordsOfError(body: unknown): string | undefined {
  if (!isRecord(body)) return undefined;
  const { error, message, detail } = body;
  if (isRecord(error)) return typeof error.message === 'string' ? error.message : JSON.stringify(error);
  const texts = [error, message, detail].filter((each) => typeof each === 'string');
  return texts[0] ?? (error || detail ? JSON.stringify(error || detail) : undefined);
}

export function bounded(words: string): string {
  const cut = words.slice(0, limits.providerWordsCharactersMax);
  return cut.length < words.length ? cut.replace(/[\uD800-\uDBFF]$/, '') : cut;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A completion in one piece has usage too, because it was billed. */
function reported(body: unknown): Partial<ReportedUsage> & { readonly modelServed?: string } {
  if (!isRecord(body)) return {};
  return {
    ...(isRecord(body.usage) && { usage: usageOf(body.usage), usageRaw: body.usage }),
    ...(typeof body.model === 'string' && { modelServed: body.model }),
  };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
