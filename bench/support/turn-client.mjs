import { askFor } from './stream/message.mjs';

const DELTAS = 8;
export const KEY = `vb_bench_${'0123456789abcdef'.repeat(2)}`;

/** One conversation with a provider that answers at once, each turn read to its end. */
export async function converse(address, turns) {
  const { id } = await (await post(`${address}/api/v1/conversations`, { title: 'bench' })).json();
  for (let turn = 0; turn < turns; turn++) {
    const url = `${address}/api/v1/conversations/${id}/messages`;
    const content = `${askFor(DELTAS, 0)} Question ${String(turn).padStart(3, '0')}: and what was recorded of it?`;
    const text = await (await post(url, { content }, { accept: 'text/event-stream' })).text();
    if (!text.includes('"done":true')) throw new Error(text.slice(-200));
  }
}

async function post(url, body, headers = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response;
}
