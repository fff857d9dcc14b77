// A program: writes the sources as JavaScript into the directory that it is given, for tests that start them often.
// To translate them anew in every process would cost more than all that these processes do.
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { load } from './ts-loader.mjs';

const [out] = process.argv.slice(2);
if (!out) throw new Error('Which directory?');
const root = join(import.meta.dirname, '..', '..');

for (const folder of ['src', join('test', 'support')]) {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  await Promise.all(
    entries.filter((entry) => entry.isFile()).map((entry) => write(join(entry.parentPath, entry.name), out)),
  );
}
await cp(join(root, 'package.json'), join(out, 'package.json'));
await symlink(join(root, 'node_modules'), join(out, 'node_modules'));

async function write(file: string, into: string): Promise<void> {
  const target = file.replace(root, into).replace(/\.ts$/, '.js');
  await mkdir(dirname(target), { recursive: true });
  if (!file.endsWith('.ts')) return cp(file, target);
  const { source } = await load(pathToFileURL(file).href, {}, undefined);
  return writeFile(target, source);
}
