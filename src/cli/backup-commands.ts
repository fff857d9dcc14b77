import type { Command } from 'commander';
import { type CommandParts, type JsonOption, withJson } from './command-parts.js';
import { jsonLine } from './output.js';

export function addBackup(program: Command, parts: CommandParts): void {
  withJson(program.command('backup'))
    .description('copy the data directory with its embedded database, also while a server runs on it')
    .argument('<directory>', 'becomes the backup; must be absent or empty')
    .action((directory, options) => backUp(parts, directory, options));
  withJson(program.command('restore'))
    .description('make the data directory (VERBATIM_DATA_DIR, default: data) from a backup; begins a new incarnation')
    .argument('<directory>', 'a backup')
    .option('--keys <directory>', 'has the keys of the backup (default: keys in the backup)')
    .action((directory, options) => restore(parts, directory, options));
}

const MEBIBYTE = 2 ** 20;

async function backUp(parts: CommandParts, to: string, { json }: JsonOption): Promise<void> {
  const done = await parts.backUp(to);
  const { directory, files, bytes } = done;
  const size = `${files} files of the database, ${Math.ceil(bytes / MEBIBYTE)} MiB`;
  const text = `${directory} is a backup: ${size}\nKeep its folder keys at another place: with both, another server can sign, and its administrator can sign in.\n`;
  await parts.out.write(json ? jsonLine(done) : text);
}

async function restore(
  parts: CommandParts,
  directory: string,
  { json, keys }: JsonOption & { readonly keys?: string },
): Promise<void> {
  const done = await parts.restore({ directory, keys });
  const text = `${done.dataDir} is restored, in a new incarnation of the log: ${done.incarnation}\n`;
  await parts.out.write(json ? jsonLine(done) : text);
}
