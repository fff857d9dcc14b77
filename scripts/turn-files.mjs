// `npm run turn-files`: the files that run between POST /messages and the first token at the client. It starts the product
// from its sources (API and saga, the demo provider, an embedded PostgreSQL), sends a turn to warm it, and counts the files of
// which V8 saw a function run during the second turn. A file that only declares types, or runs only while modules load, does
// not count. What also runs in an idle process, such as renewals, is listed apart. Last come the files that ARCHITECTURE.md does
// not name; surveys and other work at intervals may run during the turn by chance, so this is no failure.

import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { register } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import 'reflect-metadata';

const IDLE_MS = 3_000;
const root = join(import.meta.dirname, '..');
const sources = join(root, 'src');
register('../test/support/jest/module-hooks.js', import.meta.url);
const [{ openEngines }, { serve }, { loadConfig }, { namedFiles }] = await Promise.all(
  ['src/app/engines', 'src/app/serve', 'src/config', 'test/support/named-files'].map((name) => import(`../${name}.ts`)),
);

const dataDir = await mkdtemp(join(tmpdir(), 'verbatim-turn-files-'));
const key = `vb_counted_${'a'.repeat(43)}`;
const port = await freePort();
const address = `http://127.0.0.1:${port}`;
const config = loadConfig({
  VERBATIM_DATA_DIR: dataDir,
  VERBATIM_ROLES: 'api,saga',
  VERBATIM_ADMIN_KEY: key,
  PORT: `${port}`,
  LOG_LEVEL: 'fatal',
});
const engines = await openEngines(config, () => {});
const serving = await serve(engines, config, '0.0.0', {});
try {
  const chat = await answered('/conversations', {});
  await untilSaid(chat.id, '"done"');
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  const ran = async () => {
    const { result } = await session.post('Profiler.takePreciseCoverage');
    const ours = result.filter(({ url, functions }) => isSource(url) && functions.some((each) => runs(each)));
    return new Set(ours.map(({ url }) => relative(sources, fileURLToPath(url))));
  };
  await ran();
  await sleep(IDLE_MS);
  const idle = await ran();
  await untilSaid(chat.id, '"token"');
  const turn = [...(await ran())].sort();
  await report(turn, idle);
} finally {
  await serving.stop();
  await rm(dataDir, { recursive: true, force: true });
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

function isSource(url) {
  return url.startsWith('file:') && fileURLToPath(url).startsWith(sources);
}

function runs({ functionName, ranges }) {
  return functionName !== '' && ranges[0].count > 0;
}

function headers(more) {
  return { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...more };
}

async function answered(path, body) {
  const response = await fetch(`${address}/api/v1${path}`, {
    method: 'POST',
    headers: headers(),
    body: JSON.stringify(body),
  });
  return response.json();
}

async function untilSaid(conversation, what) {
  const path = `${address}/api/v1/conversations/${conversation}/messages`;
  const body = JSON.stringify({ content: 'Hello' });
  const response = await fetch(path, { method: 'POST', headers: headers({ accept: 'text/event-stream' }), body });
  let text = '';
  for await (const chunk of response.body) {
    text += Buffer.from(chunk).toString();
    if (text.includes(what)) return;
  }
  throw new Error(`no ${what} came: ${text}`);
}

async function report(turn, idle) {
  const lines = await Promise.all(
    turn.map(async (file) => (await readFile(join(sources, file), 'utf8')).split('\n').length),
  );
  const total = lines.reduce((sum, each) => sum + each, 0);
  for (const file of turn) process.stdout.write(`${idle.has(file) ? '(idle too) ' : ''}src/${file}\n`);
  const alone = turn.filter((file) => !idle.has(file)).length;
  process.stdout.write(`${turn.length} files, ${total} lines; ${alone} of them do not run in an idle process\n`);
  const named = new Set(namedFiles(await readFile(join(root, 'ARCHITECTURE.md'), 'utf8')));
  const unnamed = turn.filter((file) => !named.has(file));
  if (unnamed.length === 0) return;
  process.stderr.write(`ARCHITECTURE.md does not name ${unnamed.join(', ')}\n`);
}
