// `npm run bench -- <name> [--json]`: progress on stderr; with --json the last line on stdout is one JSON object.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const [name = '', ...options] = process.argv.slice(2);
const file = join(import.meta.dirname, `${name}.mjs`);
if (!/^[a-z]+$/.test(name) || name === 'run' || !existsSync(file)) {
  process.stderr.write(
    'npm run bench -- append|read|subscribe|stream|rebuild|fanout|memory|query|long|nodes|relay [--json]\n',
  );
  process.exit(2);
}

// Benchmarks load single modules of the product, which its bundle does not have.
const nest = join(import.meta.dirname, '..', 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');
const { status } = spawnSync(process.execPath, [nest, 'build'], {
  cwd: join(import.meta.dirname, '..'),
  stdio: ['ignore', 2, 2],
});
if (status !== 0) process.exit(1);
const { bench, table = (result) => JSON.stringify(result, null, 2) } = await import(file);
const result = await bench((text) => process.stderr.write(`${text}\n`));
process.stdout.write(`${options.includes('--json') ? JSON.stringify(result) : table(result)}\n`);
process.exit(0);
