import type { ConversationEvent } from '../events/conversation-events.js';

type Finalized = Extract<ConversationEvent, { type: 'GenerationFinalized' }>['data'];

/** In the words of the public contract; null is unknown, and never zero. */
export type Usage = Readonly<Record<string, unknown>> | null;
export type Cost = { readonly amount: string; readonly currency: string } | null;

/** What a provider reported, with its names as the API spells names. What it did not report is not made up. */
export function usageOf(reported: Finalized['usage']): Usage {
  return reported && (camelCased(reported, 0) as Usage);
}

export function costOf(cost: Finalized['cost']): Cost {
  return cost && { amount: cost.amount, currency: cost.currency };
}

/** Providers nest once. What a hostile one nests is passed on as it is, and not walked. */
const DEPTH_MAX = 4;

function camelCased(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth >= DEPTH_MAX) return value;
  if (Array.isArray(value)) return value.map((item) => camelCased(item, depth + 1));
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([name, inner]) => [camelCase(name), camelCased(inner, depth + 1)]));
}

/** Each run of underscores is tried from where it begins alone: else a name of many would take their square. */
const camelCase = (name: string): string =>
  name.replace(/(?<!_)_+([a-z0-9])/g, (_, first: string) => first.toUpperCase());
