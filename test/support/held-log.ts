import type { LogWithoutCommands } from '../../src/ports/event-log.js';

/** What an append waits for. */
export type Hold = () => Promise<void>;

/** The same log, whose appends wait: as those of a process that the scheduler, or the network, holds up. */
export function heldLog<L extends LogWithoutCommands>(log: L, hold: Hold | undefined): L {
  if (!hold) return log;
  return Object.assign(Object.create(log), {
    async append(...args: Parameters<L['append']>) {
      await hold();
      return log.append(args[0], args[1], args[2], args[3]);
    },
  });
}
