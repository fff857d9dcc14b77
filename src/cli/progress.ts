import type { CopyProgress } from './command-parts.js';
import type { Output } from './output.js';
import type { RebuildSteps } from './rebuild.js';
import { counted } from './table.js';

const CELLS = 24;
const CLEAR_LINE = '\r\x1b[K';

export interface Progress {
  show(steps: RebuildSteps): Promise<void>;
  /** Ends the line of the bar. */
  clear(): Promise<void>;
}

/** A bar that redraws its line on a terminal; elsewhere a line for each tenth. */
export function progressOn(output: Output, name: string, unit = 'events'): Progress {
  if (output.isTerminal) {
    return {
      show: (steps) => output.write(`${CLEAR_LINE}${barOf(name, steps, unit)}`),
      clear: () => output.write(CLEAR_LINE),
    };
  }
  let shown = -1;
  return {
    async show(steps) {
      const tenth = Math.floor(percentOf(steps) / 10);
      if (tenth === shown) return;
      shown = tenth;
      await output.write(`${lineOf(name, steps, unit)}\n`);
    },
    clear: async () => {},
  };
}

/** The same for the copy of a log, whose number of events is not known before. */
export function copyProgressOn(output: Output) {
  let shown = -1;
  return {
    async show({ events, part }: CopyProgress): Promise<void> {
      const percent = Math.floor(part * 100);
      const amount = `${String(percent).padStart(3)}%  ${counted(events)} events`;
      const tenth = Math.floor(percent / 10);
      if (output.isTerminal) await output.write(`${CLEAR_LINE}copy ${bar(percent)} ${amount}`);
      else if (tenth !== shown) await output.write(`copy: ${amount}\n`);
      shown = tenth;
    },
    async clear(): Promise<void> {
      if (output.isTerminal) await output.write(CLEAR_LINE);
    },
  };
}

const bar = (percent: number): string => `[${'#'.repeat(Math.floor((percent / 100) * CELLS)).padEnd(CELLS, '.')}]`;

export function barOf(name: string, steps: RebuildSteps, unit = 'events'): string {
  return `${name} ${bar(percentOf(steps))} ${amountOf(steps, unit)}`;
}

export const lineOf = (name: string, steps: RebuildSteps, unit = 'events'): string =>
  `${name}: ${amountOf(steps, unit)}`;

const amountOf = (steps: RebuildSteps, unit: string): string =>
  `${String(percentOf(steps)).padStart(3)}%  ${counted(steps.done)} of ${counted(steps.of)} ${unit}`;

/** Rounded down, so that 100 % means done. */
const percentOf = ({ done, of }: RebuildSteps): number => (of === 0 ? 100 : Math.floor((done / of) * 100));
