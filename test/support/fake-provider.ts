import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A provider of models on 127.0.0.1, speaking OpenAI's streaming protocol over real sockets. What it answers is a
 * script: steps, done one after the other. When they run out the answer ends; when the client leaves they stop.
 *
 *     const provider = await startFakeProvider();
 *     provider.script = [...chunks(['Hel', 'lo']), reset];
 *     ... new OpenAiLanguageModel({ baseUrl: provider.baseUrl }, clock) ...
 *     await provider.stop();
 */
export interface FakeProvider {
  /** What OPENAI_BASE_URL takes. */
  readonly baseUrl: string;
  /** What each request from now on is answered. At first a short, complete answer. */
  script: Script | ((request: ReceivedRequest) => Script);
  /** Everything that was asked, in the order of arrival. */
  readonly requests: readonly ReceivedRequest[];
  /** The connections that are open now, idle ones included. */
  connections(): number;
  /** The connections that were ever opened. */
  accepted(): number;
  /** Ends every connection, as a provider does with those that are idle. */
  hangUp(): void;
  /** Ends everything that is open. Fails with the error of a script's step, if there was one. */
  stop(): Promise<void>;
}

export type Script = readonly Step[];

/** One thing that the provider does. A test may bring its own: whatever it does to the socket is allowed. */
export type Step = (exchange: Exchange) => void | Promise<void>;

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** When the body was complete, on the clock of performance.now(). */
  readonly arrivedAt: number;
  /** When the client left before its answer had ended. */
  readonly abortedAt: number | undefined;
}

export interface Exchange {
  readonly request: ReceivedRequest;
  readonly response: ServerResponse;
  readonly socket: Socket;
  /** Aborted when the connection is gone. */
  readonly gone: AbortSignal;
}

/** Status and headers, sent with the first bytes. Without this step it is 200 and an event stream. */
export const head =
  (status: number, headers: Record<string, string> = {}): Step =>
  ({ response }) => {
    response.removeHeader('content-type');
    response.statusCode = status;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  };

/** Head and body in one. */
export const plainly = (status: number, body: string, headers: Record<string, string> = {}): Script => [
  head(status, { 'content-type': 'application/json', ...headers }),
  send(body),
];

/**
 * Sends bytes, and waits until the system has them. A reset after this step takes back only what the client's system
 * had no room for yet: some 64 KiB are safe.
 */
export const send =
  (bytes: string | Uint8Array): Step =>
  ({ response, gone }) =>
    // A write that fails, or that is never answered, ends when the connection is gone. Newer versions of Node answer writes to
    // a broken connection at once: a flood that went on would leave the event loop no time to learn that it is gone.
    whileOpen(gone, new Promise<void>((resolve) => response.write(bytes, (error) => error ?? resolve())));

/** Sends the status and the headers alone. */
export const sendHead: Step = ({ response }) => response.flushHeaders();

export const pause =
  (milliseconds: number): Step =>
  ({ gone }) =>
    sleep(milliseconds, undefined, { signal: gone }).catch(() => {});

/** Waits for a promise, or until a condition holds. */
export const waitFor =
  (what: Promise<unknown> | (() => boolean)): Step =>
  async ({ gone }) => {
    if (typeof what !== 'function') {
      await whileOpen(gone, what);
      return;
    }
    while (!gone.aborted && !what()) await sleep(5);
  };

/** Says nothing any more, and keeps the connection open. */
export const stall: Step = ({ gone }) => whileOpen(gone, NEVER);

/** Breaks the connection with a TCP reset. */
export const reset: Step = ({ socket }) => {
  socket.resetAndDestroy();
};

/** Ends the connection in good order, but not the answer: as a provider does that is shut down. */
export const hangUp: Step = async ({ socket, gone }) => {
  socket.end();
  await whileOpen(gone, NEVER);
};

/** One server-sent event. */
export const event = (data: unknown): Step =>
  send(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);

export const chunk = (fields: Record<string, unknown>): Step =>
  event({
    id: 'chatcmpl-fake',
    object: 'chat.completion.chunk',
    created: 1_767_323_045,
    model: MODEL_SERVED,
    ...fields,
  });

export const MODEL_SERVED = 'fake-model-2026-01-02';

export const delta = (content: string): Step => choice({ content });
export const reasoning = (text: string): Step => choice({ reasoning_content: text });
export const finish = (finishReason = 'stop'): Step => choice({}, finishReason);
export const usage = (tokens: Record<string, unknown>): Step => chunk({ choices: [], usage: tokens });
export const done: Step = event('[DONE]');

const choice = (fields: Record<string, unknown>, finishReason: string | null = null): Step =>
  chunk({ choices: [{ index: 0, delta: fields, finish_reason: finishReason }], usage: null });

/** What an answer of these deltas reports: a made-up count, the same for the same texts. */
export const usageOf = (deltas: readonly string[]) => ({
  prompt_tokens: 7,
  completion_tokens: deltas.length,
  total_tokens: 7 + deltas.length,
});

/** Deltas and no end: for scripts that go wrong. */
export const deltas = (texts: readonly string[], everyMs = 0): Script =>
  texts.flatMap((text) => (everyMs > 0 ? [pause(everyMs), delta(text)] : [delta(text)]));

/** A complete answer, as OpenAI gives it with `stream_options: {include_usage: true}`. */
export const answer = (texts: readonly string[], { everyMs = 0, finishReason = 'stop' } = {}): Script => [
  choice({ role: 'assistant', content: '' }),
  ...deltas(texts, everyMs),
  finish(finishReason),
  usage(usageOf(texts)),
  done,
];

export async function startFakeProvider({ keepAliveMs = 5_000 } = {}): Promise<FakeProvider> {
  let accepted = 0;
  const requests: ReceivedRequest[] = [];
  const sockets = new Set<Socket>();
  const running = new Set<Promise<void>>();
  const mistakes: unknown[] = [];
  const server = createServer((incoming, response) => {
    const run = serve(incoming, response)
      .catch((error) => {
        mistakes.push(error);
        response.destroy();
      })
      .finally(() => running.delete(run));
    running.add(run);
  });
  // Zero: it names no time in Keep-Alive, and closes no connection.
  server.keepAliveTimeout = keepAliveMs;
  server.on('connection', (socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = await receive(incoming, response);
    if (!exchange) return;
    requests.push(exchange.request);
    const { script } = provider;
    response.setHeader('content-type', 'text/event-stream');
    for (const step of typeof script === 'function' ? script(exchange.request) : script) {
      if (exchange.gone.aborted) return;
      await step(exchange);
    }
    response.end();
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const provider: FakeProvider = {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    script: answer(['Hello', ', ', 'world', '.']),
    requests,
    connections: () => sockets.size,
    accepted: () => accepted,
    hangUp: () => {
      for (const socket of sockets) socket.end();
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
      await Promise.all(running);
      if (mistakes.length > 0) throw new AggregateError(mistakes, 'steps of a script failed');
    },
  };
  return provider;
}

/** The whole request; nothing when the client left before it was complete. */
async function receive(incoming: IncomingMessage, response: ServerResponse): Promise<Exchange | undefined> {
  const gone = new AbortController();
  let abortedAt: number | undefined;
  response.once('close', () => {
    if (!response.writableFinished) abortedAt = performance.now();
    gone.abort();
  });
  const parts: Buffer[] = [];
  try {
    for await (const part of incoming) parts.push(part);
  } catch {
    return undefined;
  }
  const request: ReceivedRequest = {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: incoming.headers,
    body: Buffer.concat(parts),
    arrivedAt: performance.now(),
    get abortedAt() {
      return abortedAt;
    },
  };
  return { request, response, socket: incoming.socket, gone: gone.signal };
}

const NEVER = new Promise<never>(() => {});

/** Waits for something, but no longer than the connection is open. Many steps share its signal: each leaves it again. */
function whileOpen(gone: AbortSignal, what: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = () => {
      gone.removeEventListener('abort', over);
      resolve();
    };
    gone.addEventListener('abort', over);
    if (gone.aborted) over();
    what.then(over, reject);
  });
}
