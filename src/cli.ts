import { readFile } from 'node:fs/promises';
import { CommanderError } from 'commander';
import { replaceFlushed } from './adapters/data-directory/flushed-files.js';
import { systemClock } from './adapters/system/system-clock.js';
import { Api } from './cli/api.js';
import { apiPlace } from './cli/api-place.js';
import type { CommandParts } from './cli/command-parts.js';
import { exitCodeOf, ReaderGone, reasonOf } from './cli/failures.js';
import { outputTo } from './cli/output.js';
import { programOf } from './cli/program.js';
import { loadWhereabouts } from './config.js';

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
const out = outputTo(process.stdout);
const err = outputTo(process.stderr);
const notice = (text: string) => void process.stderr.write(`${text}\n`);

// Nest takes a second to load and the database a part of one: only who needs them waits for them.
const parts: CommandParts = {
  ...{ version, out, err, clock: systemClock },
  async serve() {
    await (await import('./main.js')).ended;
  },
  async migrate() {
    const { migrateDatabase } = await import('./app/database.js');
    return migrateDatabase(loadWhereabouts(), notice);
  },
  async api(options) {
    return new Api(await apiPlace(options, loadWhereabouts));
  },
  async projections() {
    return (await import('./projections/all.js')).projections;
  },
  async openLog({ follow }) {
    const { openLog } = await import('./app/cli-database.js');
    return openLog(loadWhereabouts(), follow, notice);
  },
  async openRecord() {
    const { openRecord } = await import('./app/cli-database.js');
    return openRecord(loadWhereabouts(), notice);
  },
  async recordKeyFile() {
    const { recordKeyFile } = await import('./app/cli-database.js');
    return recordKeyFile(loadWhereabouts());
  },
  keepFile: replaceFlushed,
  async witness(options, onLine) {
    const { startWitness } = await import('./app/witness.js');
    return startWitness(options, onLine);
  },
  async restored() {
    const { logRestored } = await import('./app/cli-database.js');
    return logRestored(loadWhereabouts(), notice);
  },
  async copyLog(to, onProgress) {
    const { copyTo } = await import('./app/copy-target.js');
    return copyTo(loadWhereabouts(), to, notice, onProgress);
  },
  async backUp(directory) {
    const { backUp } = await import('./app/backup.js');
    return backUp(loadWhereabouts(), directory, notice);
  },
  async restore(from) {
    const { restore } = await import('./app/backup.js');
    return restore(loadWhereabouts(), from, notice);
  },
};

try {
  await programOf(parts).parseAsync(process.argv);
  process.exit(0);
} catch (error) {
  // Commander has written its own, and nothing reads what follows a reader that has gone.
  const isWritten = error instanceof CommanderError || error instanceof ReaderGone;
  if (!isWritten) await err.write(`error: ${reasonOf(error)}\n`).catch(() => {});
  process.exit(exitCodeOf(error));
}
