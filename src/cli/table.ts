import { limits } from '../limits.js';
import { shortened, visible } from './visible.js';

export type Cell = string | number | null | undefined;

/** Formats columns under their names, as wide as their longest value. */
export function tableOf(names: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [names.map((name) => name.toUpperCase()), ...rows.map((row) => row.map(cellText))];
  const widths = names.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) => `${padded(line, widths)}\n`).join('');
}

/** Formats pairs of names and values, one on each line, without shortening values. */
export function pairsOf(pairs: readonly (readonly [name: string, value: Cell])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${wholeText(value)}\n`).join('');
}

const padded = (line: readonly string[], widths: readonly number[]): string =>
  line
    .map((text, column) => text.padEnd(widths[column] ?? 0))
    .join('  ')
    .trimEnd();

const cellText = (cell: Cell): string => shortened(wholeText(cell), limits.cellCharactersMax);

function wholeText(cell: Cell): string {
  if (cell === null || cell === undefined) return '-';
  return typeof cell === 'number' ? counted(cell) : visible(cell);
}

export const counted = (number: number): string => number.toLocaleString('en-US');
