import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/** CPU seconds that a process has used, and those of all live processes below it. Linux only; NaN elsewhere. */
export function cpuOfTree(root) {
  if (process.platform !== 'linux') return { own: Number.NaN, below: Number.NaN };
  const processes = readProcesses();
  const isBelow = (pid) => {
    const parent = processes.get(pid)?.parent;
    return parent === root || (parent !== undefined && isBelow(parent));
  };
  let below = 0;
  for (const [pid, { seconds }] of processes) if (isBelow(pid)) below += seconds;
  return { own: processes.get(root)?.seconds ?? 0, below };
}

function readProcesses() {
  const processes = new Map();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const [, parent, ...rest] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
      const [user, system] = rest.slice(9, 11).map(Number);
      processes.set(Number(pid), { parent: Number(parent), seconds: (user + system) / TICKS_PER_SECOND });
    } catch (error) {
      // It ended while we looked.
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
    }
  }
  return processes;
}
