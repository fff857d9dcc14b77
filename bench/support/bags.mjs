import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { interleave, median, rounded } from './statistics.mjs';

const PROGRAM = join(import.meta.dirname, 'bag-process.mjs');

/** A bag of the whole tenant into a file, and its verification, each in a process of its own. */
export async function bagOfAll({ server }, rounds, tell) {
  const folder = mkdtempSync(join(tmpdir(), 'verbatim-bag-'));
  const file = join(folder, 'bag.zip');
  const run = async (work) => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      PROGRAM,
      work,
      file,
      JSON.stringify(server.connection),
    ]);
    return JSON.parse(stdout);
  };
  try {
    const { bag, verify } = await interleave(rounds, { bag: () => run('bag'), verify: () => run('verify') }, tell);
    const [{ entries, events, prompts, answers }] = verify;
    const figuresOf = (results) => ({
      eventsPerSecond: Math.round(events / median(results.map(({ seconds }) => seconds))),
      nodeMicrosPerEvent: rounded((median(results.map(({ nodeSeconds }) => nodeSeconds)) / events) * 1e6, 1),
      addedMibMax: Math.max(...results.map(({ addedMib }) => addedMib)),
    });
    const bytesPerEvent = Math.round(bag[0].bytes / events);
    return { entries, events, prompts, answers, bytesPerEvent, bag: figuresOf(bag), verify: figuresOf(verify) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
