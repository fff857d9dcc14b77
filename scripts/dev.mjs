// `npm run dev`: runs the product, and bundles and restarts it whenever a source has changed. It checks no types: editors and
// `npm run types` do.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bundledAt, bundler, sourcesChangedAt } from './bundle-if-stale.mjs';

const root = join(import.meta.dirname, '..');
/** Network mounts and saves by renaming report no change to watchers, but all of them change times. */
const LOOK_MS = 300;

const stopping = new AbortController();
let product;
let bundling;
let seenAt = 0;

process.on('SIGTERM', stop).on('SIGINT', stop);
while (!stopping.signal.aborted) {
  const changedAt = sourcesChangedAt();
  if (changedAt > seenAt) {
    seenAt = changedAt;
    if (changedAt <= bundledAt() || (await bundled())) await restart();
  }
  await sleep(LOOK_MS, undefined, { signal: stopping.signal }).catch(() => {});
}
process.exit(await product?.ended);

/** False for a source that cannot be bundled: the product of the last one that could goes on. */
async function bundled() {
  process.stdout.write('Building...\n');
  bundling = program([bundler]);
  return (await bundling.ended) === 0;
}

/** One after the other: the data directory belongs to one process at a time. */
async function restart() {
  product?.child.kill('SIGTERM');
  await product?.ended;
  if (!stopping.signal.aborted) product = program(['--enable-source-maps', join(root, 'bundle', 'main.js')]);
}

function program(words) {
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'inherit', 'inherit'] });
  return { child, ended: once(child, 'exit').then(([code]) => code) };
}

function stop(signal) {
  stopping.abort();
  bundling?.child.kill(signal);
  product?.child.kill(signal);
}
