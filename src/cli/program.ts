import { Command } from 'commander';
import { addBackup } from './backup-commands.js';
import { type CommandParts, type JsonOption, withJson } from './command-parts.js';
import { addExport } from './export-command.js';
import { addKeys } from './key-commands.js';
import { addLog } from './log-commands.js';
import { addMonitor } from './monitor-commands.js';
import { jsonLine, type Output } from './output.js';
import { addProjections } from './projection-commands.js';
import { addRecord } from './record-commands.js';
import { addRuns } from './run-commands.js';
import { addVerify } from './verify-command.js';
import { addWitness } from './witness-commands.js';

/** All commands. Throws commander's errors instead of ending the process. */
export function programOf(parts: CommandParts): Command {
  const program = new Command('verbatim')
    .description('A chat backend whose only source of truth is an append-only event log')
    .version(parts.version)
    .configureOutput({ writeOut: passedTo(parts.out), writeErr: passedTo(parts.err) })
    .exitOverride();
  program
    .command('serve')
    .description('run the server, as npm start does')
    .action(() => parts.serve());
  withJson(program.command('migrate'))
    .description('migrate the database to this version and grant the serving role its rights')
    .action((options) => migrate(parts, options));
  addProjections(program, parts);
  addRuns(program, parts);
  addLog(program, parts);
  addRecord(program, parts);
  addKeys(program, parts);
  addMonitor(program, parts);
  addExport(program, parts);
  addVerify(program, parts);
  addBackup(program, parts);
  addWitness(program, parts);
  return program;
}

/** Commander does not await writes. An error of a closed output is ignored. */
const passedTo =
  (output: Output) =>
  (text: string): void =>
    void output.write(text).catch(() => {});

async function migrate({ migrate: run, out }: CommandParts, { json }: JsonOption): Promise<void> {
  const done = await run();
  const applied = done.applied.map((name) => `applied ${name}\n`).join('');
  await out.write(json ? jsonLine(done) : `${applied}${done.database} is up to date\n`);
}
