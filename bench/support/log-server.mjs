import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cpuOfTree } from './cpu.mjs';

const root = join(import.meta.dirname, '..', '..');

/** The server of EventStoreDB at this URL, or without a URL the tests' stand-in for it, in a process of its own. */
export function openLogServer(url) {
  return url === undefined
    ? startStandIn()
    : { url, isStandIn: false, cpuSeconds: () => new Map(), stop: async () => {} };
}

async function startStandIn() {
  const directory = mkdtempSync(join(tmpdir(), 'verbatim-bench-stand-in-'));
  const source = 'test/support/eventstore/stand-in-process.ts';
  const { status, stderr } = spawnSync(process.execPath, ['scripts/bundle.mjs', directory, source], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the stand-in cannot be bundled:\n${stderr}`);
  const child = spawn(process.execPath, [join(directory, 'stand-in-process.cjs')], { stdio: ['ignore', 'pipe', 2] });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const failed = once(child, 'close').then(() => {
    throw new Error('the stand-in did not start');
  });
  const [url] = await Promise.race([once(createInterface(child.stdout), 'line'), failed]);
  failed.catch(() => {});
  return {
    url,
    isStandIn: true,
    cpuSeconds: () => new Map([[`${child.pid}`, cpuOfTree(child.pid).own]]),
    async stop() {
      const ended = once(child, 'close');
      child.kill();
      await ended;
      process.off('exit', kill);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
