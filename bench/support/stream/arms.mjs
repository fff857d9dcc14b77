import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../child.mjs';
import { installPeers, peerFile } from '../peers.mjs';
import { askFor } from './message.mjs';

const MODEL = 'bench';
const ADMIN_KEY = `vb_bench_${'0123456789abcdef'.repeat(2)}`;
const CREATED_AT_ONCE = 16;

/**
 * What can stand between a client and the provider, each in a process of its own. An arm has a name, its process's id,
 * the words that only a whole answer ends with, and requests(count, deltas, gapMs): that many, each to be sent once.
 */
export function startArms() {
  return starting(async (start, provider, undo) => {
    const portkey = await startPortkey(start, provider);
    const arms = [
      passingOn('direct', { address: provider }),
      passingOn('proxy', await start([join(import.meta.dirname, 'proxy.mjs'), provider])),
      passingOn('floor', await start([join(import.meta.dirname, 'floor.mjs'), provider, temporaryDirectory(undo)])),
      ...(portkey.arm ? [portkey.arm] : []),
      await startOurs(start, provider, undo),
    ];
    return { arms, portkeyReason: portkey.reason ?? null };
  });
}

/** Ours with the log in PostgreSQL, and ours with the log at a URL. */
export function startLogArms(url) {
  return starting(async (start, provider, undo) => ({
    arms: [
      passingOn('direct', { address: provider }),
      await startOurs(start, provider, undo),
      { ...(await startOurs(start, provider, undo, { EVENT_LOG_URL: url })), name: 'oursOnEventStoreDb' },
    ],
  }));
}

async function starting(startAll) {
  const undo = [];
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  const start = async (args, environment) => {
    const child = await startChild(args, environment);
    undo.push(child.stop);
    return child;
  };
  try {
    const provider = (await start([join(import.meta.dirname, 'provider.mjs')])).address;
    return { ...(await startAll(start, provider, undo)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Takes what the provider takes, and passes on what the provider says. */
function passingOn(name, { pid, address }, extraHeaders = {}) {
  const headers = { 'content-type': 'application/json', authorization: 'Bearer x', ...extraHeaders };
  return {
    name,
    pid,
    lastWords: '[DONE]',
    async requests(count, deltas, gapMs) {
      const messages = [{ role: 'user', content: askFor(deltas, gapMs) }];
      const body = JSON.stringify({ model: MODEL, messages, stream: true, stream_options: { include_usage: true } });
      return Array(count).fill({ url: `${address}/v1/chat/completions`, headers, body });
    },
  };
}

async function startPortkey(start, provider) {
  const reason = installPeers();
  if (reason) return { reason };
  const child = await start([peerFile('portkey'), '--headless'], { NODE_ENV: 'production' });
  const headers = { 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `${provider}/v1` };
  return { arm: passingOn('portkey', child, headers) };
}

async function startOurs(start, provider, undo, settings = {}) {
  const { pid, address } = await start([join(import.meta.dirname, '..', '..', '..', 'scripts', 'start.mjs')], {
    PORT: '0',
    OPENAI_BASE_URL: `${provider}/v1`,
    VERBATIM_MODEL: MODEL,
    VERBATIM_DATA_DIR: temporaryDirectory(undo),
    VERBATIM_ADMIN_KEY: ADMIN_KEY,
    LOG_LEVEL: 'warn',
    ...settings,
  });
  return {
    name: 'ours',
    pid,
    lastWords: '"status":"final"',
    requests: (count, deltas, gapMs) =>
      inConversations(address, count, JSON.stringify({ content: askFor(deltas, gapMs) })),
  };
}

/** Removed after the process that works in it has ended. */
function temporaryDirectory(undo) {
  const directory = mkdtempSync(join(tmpdir(), 'verbatim-bench-'));
  chmodSync(directory, 0o755);
  undo.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Each in a conversation of its own, which exists beforehand. */
async function inConversations(address, count, body) {
  const conversations = `${address}/api/v1/conversations`;
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${ADMIN_KEY}` };
  const request = async () => {
    const response = await fetch(conversations, { method: 'POST', headers, body: '{}' });
    if (response.status !== 201) {
      throw new Error(`ours: POST ${conversations} answers ${response.status}: ${await response.text()}`);
    }
    const { id } = await response.json();
    return { url: `${conversations}/${id}/messages`, headers: { ...headers, accept: 'text/event-stream' }, body };
  };
  const requests = [];
  while (requests.length < count) {
    const next = Math.min(CREATED_AT_ONCE, count - requests.length);
    requests.push(...(await Promise.all(Array.from({ length: next }, request))));
  }
  return requests;
}
