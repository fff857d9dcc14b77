// A model provider that answers at once: OpenAI's chat completions, streamed. A process of its own.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { deltaText, micros, whatIsAsked } from './message.mjs';

const server = createServer(async (request, response) => {
  const { deltas, gapMs } = whatIsAsked(await text(request));
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  // What is written in one turn of the loop leaves together: the head with the first delta, as it does at providers.
  response.write(chunk({ role: 'assistant', content: '' }));
  await (gapMs > 0 ? sendPaced(response, deltas, gapMs) : sendFlatOut(response, deltas));
  response.write(chunk({}, 'stop'));
  response.write(event({ ...ENVELOPE, choices: [], usage: usageOf(deltas) }));
  response.end('data: [DONE]\n\n');
});
// What stands between keeps its connections; none is to be closed under a request that is on its way.
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1', () => process.stdout.write(`address  http://127.0.0.1:${server.address().port}\n`));

/** The first one at once, each other one when it is due: a late one does not delay those after it. */
async function sendPaced(response, deltas, gapMs) {
  const began = micros();
  for (let ordinal = 0; ordinal < deltas && !response.destroyed; ordinal++) {
    const dueMs = ordinal * gapMs - (micros() - began) / 1_000;
    if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, dueMs));
    response.write(chunk({ content: deltaText(ordinal) }));
  }
}

async function sendFlatOut(response, deltas) {
  for (let ordinal = 0; ordinal < deltas; ordinal++) {
    const taken = response.write(chunk({ content: deltaText(ordinal) }));
    if (!taken) await once(response, 'drain');
  }
}

const ENVELOPE = { id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'bench' };
const event = (data) => `data: ${JSON.stringify(data)}\n\n`;
const chunk = (delta, finish_reason = null) => event({ ...ENVELOPE, choices: [{ index: 0, delta, finish_reason }] });
const usageOf = (deltas) => ({ prompt_tokens: 10, completion_tokens: deltas, total_tokens: 10 + deltas });
