import { ask } from './product.mjs';
import { askFor } from './stream/message.mjs';

const DELTAS = 8;

/** One conversation with a provider that answers at once, each turn read to its end. */
export async function converse(address, turns) {
  const { id } = JSON.parse(await ask(address, 'POST', '/conversations', { title: 'bench' }));
  const streamed = { accept: 'text/event-stream' };
  for (let turn = 0; turn < turns; turn++) {
    const content = `${askFor(DELTAS, 0)} Question ${String(turn).padStart(3, '0')}: and what was recorded of it?`;
    const text = await ask(address, 'POST', `/conversations/${id}/messages`, { content }, streamed);
    if (!text.includes('"done":true')) throw new Error(text.slice(-200));
  }
}
