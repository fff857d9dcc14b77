import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './product.mjs';
import { askFor } from './stream/message.mjs';

const DELTAS = 8;

/** One conversation with a provider that answers at once, each turn read to its end. */
export async function converse(address, turns) {
  const talk = await startTalk(address);
  for (let turn = 0; turn < turns; turn++) await talk();
}

/** So many turns a second among these talks, whatever each of them takes. Within a talk they follow each other. */
export async function pace(talks, turns, turnsPerSecond) {
  const last = talks.map(() => Promise.resolve());
  const began = performance.now();
  for (let turn = 0; turn < turns; turn++) {
    await sleep(Math.max(0, began + (turn * 1000) / turnsPerSecond - performance.now()));
    const nth = turn % talks.length;
    last[nth] = last[nth].then(talks[nth]);
  }
  await Promise.all(last);
}

/** A conversation, and with each call its next turn. */
export async function startTalk(address) {
  const { id } = JSON.parse(await ask(address, 'POST', '/conversations', { title: 'bench' }));
  const streamed = { accept: 'text/event-stream' };
  let asked = 0;
  return async () => {
    const content = `${askFor(DELTAS, 0)} Question ${String(asked++).padStart(3, '0')}: and what was recorded of it?`;
    const text = await ask(address, 'POST', `/conversations/${id}/messages`, { content }, streamed);
    if (!text.includes('"done":true')) throw new Error(text.slice(-200));
  };
}
