// `npm run bench -- <name> [--variant [value]] [--json]`: progress on stderr; with --json the last line on stdout is one JSON object.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const USAGE =
  'npm run bench -- append|read|subscribe|stream|rebuild|fanout|memory|query|long|nodes|relay|record [--json]\n' +
  'append also takes --large or --idle-snapshot.\n' +
  'append, stream and rebuild also take --log-url [esdb://host:port]; without a URL they start a stand-in.\n';

const [name = '', ...options] = process.argv.slice(2);
const file = join(import.meta.dirname, `${name}.mjs`);
if (!/^[a-z]+$/.test(name) || name === 'run' || !existsSync(file)) refuse();

// Benchmarks load single modules of the product, which its bundle does not have.
const nest = join(import.meta.dirname, '..', 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');
const { status } = spawnSync(process.execPath, [nest, 'build'], {
  cwd: join(import.meta.dirname, '..'),
  stdio: ['ignore', 2, 2],
});
if (status !== 0) process.exit(1);
const { variants = {}, table = (result) => JSON.stringify(result, null, 2), ...module } = await import(file);
const [variant, value, ...more] = options.filter((option) => option !== '--json');
const bench = variant === undefined ? module.bench : variants[variant.slice('--'.length)];
const takesValue = bench?.length > 1;
if (!bench || (value !== undefined && !takesValue) || value?.startsWith('--') || more.length > 0) refuse();
const result = await bench((text) => process.stderr.write(`${text}\n`), value);
const shown = variant === undefined ? table : (figures) => JSON.stringify(figures, null, 2);
process.stdout.write(`${options.includes('--json') ? JSON.stringify(result) : shown(result)}\n`);
process.exit(0);

function refuse() {
  process.stderr.write(USAGE);
  process.exit(2);
}
