import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { EncodingName } from '../../src/adapters/tokenizer/known-models.js';

const packageRoot = join(dirname(createRequire(import.meta.url).resolve('gpt-tokenizer/package.json')));

/** As tiktoken publishes them, and not as the library under test spells them. */
const SPLIT: Record<EncodingName, RegExp> = {
  cl100k_base:
    /'(?:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+$|\s*[\r\n]|\s+(?!\S)|\s/giu,
  o200k_base: new RegExp(
    [
      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?:'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE]))?",
      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?:'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE]))?",
      '\\p{N}{1,3}',
      ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*',
      '\\s*[\\r\\n]+',
      '\\s+(?!\\S)',
      '\\s+',
    ].join('|'),
    'gu',
  ),
};

/** The pieces that an encoding merges apart from each other: the work on one grows with the square of its length. */
export const piecesOf = (encoding: EncodingName, text: string): string[] =>
  [...text.matchAll(SPLIT[encoding])].map(([piece]) => piece);

/** Counts by the published ranks, in n log n steps for a piece of n bytes: exact for long runs too, and fast enough to compare with. */
export function exactCounter(encoding: EncodingName): (text: string) => number {
  const ranks = new Map<string, number>();
  for (const line of readFileSync(join(packageRoot, `data/${encoding}.tiktoken`), 'latin1').split('\n')) {
    const [token = '', rank] = line.split(' ');
    if (rank !== undefined) ranks.set(Buffer.from(token, 'base64').toString('latin1'), Number(rank));
  }
  return (text) => {
    let tokens = 0;
    for (const piece of piecesOf(encoding, text)) tokens += merged(Buffer.from(piece).toString('latin1'), ranks);
    return tokens;
  };
}

interface Pair {
  readonly rank: number;
  readonly start: number;
  readonly end: number;
}

/** Merges the neighbours of the lowest rank, the first of equals, until none has a rank. */
function merged(bytes: string, ranks: ReadonlyMap<string, number>): number {
  const endOf = Array.from({ length: bytes.length }, (_, start) => start + 1);
  const startBefore = Array.from({ length: bytes.length + 1 }, (_, start) => start - 1);
  const heap: Pair[] = [];
  const offer = (start: number) => {
    const middle = start < 0 ? bytes.length : (endOf[start] ?? bytes.length);
    if (middle >= bytes.length) return;
    const end = endOf[middle] as number;
    const rank = ranks.get(bytes.slice(start, end));
    if (rank !== undefined) push(heap, { rank, start, end });
  };
  for (let start = 0; start < bytes.length; start++) offer(start);
  let tokens = bytes.length;
  for (let pair = pop(heap); pair; pair = pop(heap)) {
    const { start, end } = pair;
    const middle = endOf[start] as number;
    // One of the two was merged with another one meanwhile.
    if (middle < 0 || middle >= bytes.length || endOf[middle] !== end) continue;
    endOf[start] = end;
    endOf[middle] = -1;
    startBefore[end] = start;
    tokens -= 1;
    offer(start);
    offer(startBefore[start] as number);
  }
  return tokens;
}

const isBefore = (one: Pair, other: Pair) =>
  one.rank < other.rank || (one.rank === other.rank && one.start < other.start);

function push(heap: Pair[], pair: Pair): void {
  let place = heap.length;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    if (!isBefore(pair, heap[parent] as Pair)) break;
    heap[place] = heap[parent] as Pair;
    place = parent;
  }
  heap[place] = pair;
}

function pop(heap: Pair[]): Pair | undefined {
  const [first] = heap;
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return first;
  let place = 0;
  for (;;) {
    let child = 2 * place + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1] as Pair, heap[child] as Pair)) child += 1;
    if (!isBefore(heap[child] as Pair, last)) break;
    heap[place] = heap[child] as Pair;
    place = child;
  }
  heap[place] = last;
  return first;
}
