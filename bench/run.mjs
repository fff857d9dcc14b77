// `npm run bench -- <name> [--json]`: progress on stderr; with --json the last line on stdout is one JSON object.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildIfStale } from '../scripts/build-if-stale.mjs';

const [name = '', ...options] = process.argv.slice(2);
const file = join(import.meta.dirname, `${name}.mjs`);
if (!/^[a-z]+$/.test(name) || name === 'run' || !existsSync(file)) {
  process.stderr.write(
    'npm run bench -- append|read|subscribe|stream|rebuild|fanout|memory|query|long|nodes|relay [--json]\n',
  );
  process.exit(2);
}

await buildIfStale();
const { bench, table = (result) => JSON.stringify(result, null, 2) } = await import(file);
const result = await bench((text) => process.stderr.write(`${text}\n`));
process.stdout.write(`${options.includes('--json') ? JSON.stringify(result) : table(result)}\n`);
process.exit(0);
