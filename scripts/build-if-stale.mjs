import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const stamp = join(root, 'dist', '.built');
const inputs = ['src', 'package-lock.json', 'tsconfig.json', 'nest-cli.json'];

/** Builds when a source is newer than the build; ends the process when that fails. */
export function buildIfStale() {
  const newestInput = Math.max(...inputs.map((input) => changedAt(join(root, input))));
  if (changedAt(stamp) < newestInput) build();
}

function changedAt(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found?.mtimeMs ?? 0;
  // A directory's own time changes when a file in it is deleted or renamed.
  return Math.max(found.mtimeMs, ...readdirSync(path).map((name) => changedAt(join(path, name))));
}

function build() {
  const began = new Date();
  rmSync(stamp, { force: true });
  const nest = join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');
  const { status } = spawnSync(process.execPath, [nest, 'build'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(stamp, '');
  // As old as what was read: a source saved while it was building is newer.
  utimesSync(stamp, began, began);
}
