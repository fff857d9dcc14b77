// A program between a process and its broker, so that neither outlives the other, however it ends:
// `node supervisor.mjs <directory> <program> <options...>`. Says the broker's pid, and ends when the broker does. When standard
// input ends, nobody is there any more: the broker is ended, and its directory removed.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';

const [directory, program, ...options] = process.argv.slice(2);
const broker = spawn(program, options, { stdio: ['ignore', 'inherit', 'inherit'] });
let isLeft = false;
broker.once('spawn', () => process.stdout.write(`pid ${broker.pid}\n`));
broker.once('error', () => process.exit(127));
broker.once('exit', (code) => {
  if (isLeft) rmSync(directory, { recursive: true, force: true });
  process.exit(code ?? 1);
});
// Both reach the broker as well, and this program ends after it.
process.on('SIGTERM', () => broker.kill('SIGTERM'));
process.on('SIGINT', () => {});
process.stdin.on('end', () => {
  isLeft = true;
  broker.kill('SIGKILL');
});
process.stdin.resume();
