import { ASSEMBLER, assemblerOf, type PromptAssembledData } from './assembler.js';
import type { Path, PathEntry } from './prompt-texts.js';

type LeftOut = PromptAssembledData['trimmed'][number];

/** The reason for nodes that did not fit. The assembler defines the other reasons. */
const BUDGET = 'budget';

/**
 * The nodes that a prompt leaves out if it keeps the path from `start` on: one record for each reason, however long the
 * history. A record for `budget` means all nodes in its range, another record only those to which its reason applies.
 */
export function recordLeftOut(path: Path, start: number): LeftOut[] {
  const { whyLeftOut } = assemblerOf(ASSEMBLER);
  const kept = path.slice(start);
  const unfit = (reason: string) => kept.filter((entry) => whyLeftOut(entry) === reason);
  const before = start > 0 ? span(path.at(0), path.at(start - 1), start, BUDGET) : [];
  const among = ['error', 'empty'].flatMap((reason) => {
    const entries = unfit(reason);
    return span(entries[0], entries.at(-1), entries.length, reason);
  });
  return [...before, ...among];
}

function span(first: PathEntry | undefined, last: PathEntry | undefined, count: number, reason: string): LeftOut[] {
  return first && last ? [{ from: first.id, to: last.id, count, reason }] : [];
}

export interface LeftOutNode {
  readonly id: string;
  readonly reason: string;
}

/** The nodes that a recorded prompt left out, with reasons, oldest first. `path` is the path of the prompt. */
export function leftOutNodes(
  { assembler, trimmed }: Pick<PromptAssembledData, 'assembler' | 'trimmed'>,
  path: readonly PathEntry[],
): LeftOutNode[] {
  const { whyLeftOut } = assemblerOf(assembler);
  const places = new Map(path.map(({ id }, place) => [id, place]));
  const placeOf = (id: string) => places.get(id) ?? Number.NaN;
  const spans = trimmed.map(({ from, to, reason }) => ({ first: placeOf(from), last: placeOf(to), reason }));
  return path.flatMap((entry, place) => {
    const covering = spans.find(
      ({ first, last, reason }) =>
        first <= place && place <= last && (reason === BUDGET || reason === whyLeftOut(entry)),
    );
    return covering ? [{ id: entry.id, reason: covering.reason }] : [];
  });
}
