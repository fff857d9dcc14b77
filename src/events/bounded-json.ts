/** Deeper than any value that carries meaning, and safe for a recursive walk. */
const DEPTH_MAX = 32;

/**
 * A foreign value as JSON, if it takes at most so many bytes and nests no deeper than readers may walk. The work is
 * bounded by the same: a provider may send megabytes, and nesting that no recursive function survives.
 */
export function jsonWithin(value: unknown, bytesMax: number): string | undefined {
  return bytesLeft(value, bytesMax, DEPTH_MAX) < 0 ? undefined : JSON.stringify(value);
}

/** The rest of a budget after a parsed value is written. Negative if the budget is too small. */
function bytesLeft(value: unknown, budget: number, depth: number): number {
  if (typeof value === 'string') return budget - (value.length > budget ? value.length : bytesOf(value));
  if (typeof value !== 'object' || value === null) return budget - bytesOf(value);
  if (depth === 0) return -1;
  const isList = Array.isArray(value);
  const names = Object.keys(value);
  // Two brackets, and commas between the members: one fewer than there are members.
  let left = budget - (names.length === 0 ? 2 : 1);
  for (const name of names) {
    const named = isList ? left - 1 : bytesLeft(name, left - 2, 0);
    left = named < 0 ? named : bytesLeft((value as Record<string, unknown>)[name], named, depth - 1);
    if (left < 0) return left;
  }
  return left;
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '');
