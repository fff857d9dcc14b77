// `npm run dev`: Nest compiles whenever a source changes, and this runs what came of it.
//
// Nest would run it too. But it signals a program together with all that descends from it, so the database of the
// product would be gone before the product could close.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..');
const nest = join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');

/** After every build it runs a program of ours, whose words come to us. */
const compiler = spawn(process.execPath, [nest, 'start', '--watch', '--preserveWatchOutput', '--exec', 'echo'], {
  cwd: root,
  stdio: ['ignore', 'pipe', 'inherit'],
});
const compilerEnded = once(compiler, 'exit');
/** How Nest would have a program of Node run, so what it has `echo` say. */
const BUILT = '--enable-source-maps ';

let product;
let builds = 0;
let isStopping = false;
let turn = Promise.resolve();

process.on('SIGTERM', stop).on('SIGINT', stop);
for await (const line of createInterface(compiler.stdout)) {
  if (line.startsWith(BUILT)) restart();
  else process.stdout.write(`${line}\n`);
}
const wasTold = isStopping;
stop('SIGTERM');
await turn;
const status = await product?.ended;
const [compilerStatus] = await compilerEnded;
process.exit(wasTold ? (status ?? 0) : (compilerStatus ?? 1));

/** One after the other: the data directory belongs to one process at a time. */
function restart() {
  builds += 1;
  const mine = builds;
  turn = turn.then(async () => {
    product?.child.kill('SIGTERM');
    await product?.ended;
    // It would only be stopped again.
    if (!isStopping && mine === builds) product = run();
  });
}

function run() {
  const main = join(root, 'dist', 'main.js');
  const child = spawn(process.execPath, ['--enable-source-maps', main], { stdio: 'inherit' });
  return { child, ended: once(child, 'exit').then(([code]) => code) };
}

function stop(signal) {
  isStopping = true;
  compiler.kill(signal);
  product?.child.kill(signal);
}
