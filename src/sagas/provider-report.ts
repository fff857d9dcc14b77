import type { AttemptEnded } from '../domain/generation.js';
import { limits } from '../limits.js';
import { jsonWithin, type ResponseNames, type ToolStart } from '../ports/language-model.js';

type UsageRaw = NonNullable<AttemptEnded['usageRaw']>;

/** Cuts a name from a provider to the limit of the event, because a long name must not fail an attempt. */
export function boundedName<T extends string | null>(name: T): T {
  return (name === null ? name : firstCharacters(name, limits.nameCharactersMax)) as T;
}

/** Cuts the provider's ids of the answer. */
export function boundedNames({ id, requestId }: ResponseNames): ResponseNames {
  return {
    ...(id !== undefined && { id: boundedName(id) }),
    ...(requestId !== undefined && { requestId: boundedName(requestId) }),
  };
}

export function boundedStart({ id, name, type }: ToolStart): ToolStart {
  return {
    ...(id !== undefined && { id: boundedName(id) }),
    ...(name !== undefined && { name: boundedName(name) }),
    ...(type !== undefined && { type: boundedName(type) }),
  };
}

export const boundedWords = (words: string): string => firstCharacters(words, limits.providerWordsCharactersMax);

/** The reported usage. If it is too large, only its counts. */
export function boundedUsage(usage: UsageRaw | null): UsageRaw | null {
  if (usage === null || jsonWithin(usage, limits.usageBytesMax) !== undefined) return usage;
  return countsIn(usage, limits.usageBytesMax);
}

/** The numbers, and objects of numbers, that fit, in their order. */
function countsIn(usage: UsageRaw, bytesMax: number): UsageRaw {
  const counts: Record<string, unknown> = {};
  let left = bytesMax - 2;
  for (const [name, value] of Object.entries(usage)) {
    const isCount = typeof value === 'number' || isObjectOfCounts(value);
    const json = isCount && name.length < left ? jsonWithin({ [name]: value }, left) : undefined;
    if (json === undefined) continue;
    left -= Buffer.byteLength(json);
    counts[name] = value;
  }
  return counts;
}

function isObjectOfCounts(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  for (const name in value) if (typeof (value as Record<string, unknown>)[name] !== 'number') return false;
  return true;
}

function firstCharacters(text: string, charactersMax: number): string {
  const cut = text.slice(0, charactersMax);
  return cut.length < text.length ? cut.replace(/[\uD800-\uDBFF]$/, '') : cut;
}
