// Completes package-lock.json in place; run it after every change of a dependency.
//
// Some registries lack the packages of other systems (@swc/core-darwin-arm64, ...). npm then writes a lock without
// them, and `npm ci` stops where they exist: "Missing: ... from lock file".
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fillLock } from './lock.mjs';

const file = join(import.meta.dirname, '..', 'package-lock.json');
const lock = JSON.parse(await readFile(file, 'utf8'));
const filled = fillLock(lock);
await writeFile(file, `${JSON.stringify(filled, null, 2)}\n`);

const added = Object.keys(filled.packages).filter((place) => !lock.packages[place]);
process.stdout.write(added.length > 0 ? `added\n  ${added.join('\n  ')}\n` : 'nothing was missing\n');
