import type { RecordedUsage } from '../events/conversation-events.js';
import type { GenerationFinalized } from './conversation/nodes.js';

/** Converts usage to the public API. Null means unknown, never zero. A number that was not reported is absent. */
export type Usage = {
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly totalTokens?: number;
  readonly promptTokensDetails?: { readonly cachedTokens?: number; readonly cacheWriteTokens?: number };
  readonly completionTokensDetails?: { readonly reasoningTokens: number };
} | null;
export type Cost = { readonly amount: string; readonly currency: string } | null;

export function usageOf(recorded: RecordedUsage | null): Usage {
  if (!recorded) return null;
  const { input, output, total, cachedRead, cachedWrite, reasoning } = recorded;
  const isCached = cachedRead !== undefined || cachedWrite !== undefined;
  return {
    ...(input !== undefined && { promptTokens: input }),
    ...(output !== undefined && { completionTokens: output }),
    ...(total !== undefined && { totalTokens: total }),
    ...(isCached && {
      promptTokensDetails: {
        ...(cachedRead !== undefined && { cachedTokens: cachedRead }),
        ...(cachedWrite !== undefined && { cacheWriteTokens: cachedWrite }),
      },
    }),
    ...(reasoning !== undefined && { completionTokensDetails: { reasoningTokens: reasoning } }),
  };
}

export function costOf(cost: GenerationFinalized['cost']): Cost {
  return cost && { amount: cost.amount, currency: cost.currency };
}
