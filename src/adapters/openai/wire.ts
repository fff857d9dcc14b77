import { createHash } from 'node:crypto';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { limits } from '../../limits.js';
import type { Clock } from '../../ports/clock.js';
import { type ModelCall, ModelFailure } from '../../ports/language-model.js';
import { Arrivals } from './arrivals.js';
import { type Connections, HeldConnection } from './connections.js';
import { connectionFailure, failureOf } from './failures.js';

const REQUEST_ID_HEADERS = ['x-request-id', 'request-id', 'apim-request-id'] as const;

/**
 * The HTTP exchange of one call. Its `fetch` is the last function before the socket: it compares the hash of the bytes and
 * sends them once, to one address, without redirects. It uses node:http because the built-in fetch ends quiet streams after
 * five minutes, and drops bytes that were not read before a reset.
 */
export class Wire {
  /** The reason why there is no stream. The SDK wraps errors of its fetch, and drops some reasons. */
  failure: ModelFailure | undefined;
  /** Opened while the prompt is committed. Nothing is sent on it before. */
  private held: HeldConnection | undefined;
  private request: ClientRequest | undefined;
  private answer: IncomingMessage | undefined;
  private arrived: Arrivals | undefined;
  private isCut = false;
  private hasPassed = false;
  /** Lets the request leave. */
  private letPass = (): void => {};
  private readonly opened = new Promise<void>((resolve) => {
    this.letPass = resolve;
  });

  constructor(
    private readonly connections: Connections,
    private readonly call: ModelCall,
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  readonly fetch = async (url: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    try {
      const bytes = this.guard(url, init);
      const headers = Object.fromEntries(new Headers(init.headers));
      this.requireUncut();
      this.held = new HeldConnection(this.connections, {
        ...headers,
        'accept-encoding': 'identity',
        'content-length': bytes.length,
      });
      await this.opened;
      this.requireUncut();
      const answer = await this.send(bytes, this.held.take());
      if (!isStream(answer)) throw await this.plainFailure(answer);
      // The SDK needs only the head. The body is read from `arrivals`, which survives a reset.
      return new Response(null, { status: answer.statusCode ?? 0 });
    } catch (error) {
      if (error instanceof ModelFailure) this.failure = error;
      throw error;
    }
  };

  /** Allows the request to leave. */
  open(): void {
    this.letPass();
  }

  /** Forbids the request to leave, unless it has left. */
  discard(): void {
    if (!this.request) this.cut();
  }

  /** The provider's id of the request. Providers use different headers. */
  get requestId(): string | undefined {
    const names = REQUEST_ID_HEADERS.map((name) => this.answer?.headers[name]);
    return names.find((name): name is string => typeof name === 'string' && name !== '');
  }

  /** The body of the answer. */
  get arrivals(): Arrivals {
    if (!this.arrived) throw new Error('the response has not arrived');
    return this.arrived;
  }

  /** Call it after the finish reason: the rest of the answer, such as the usage, has to come soon. */
  expectLittle(): void {
    this.arrived?.endIn(limits.providerTailMs);
  }

  /** Ends the call at once. */
  cut(): void {
    this.isCut = true;
    this.letPass();
    this.held?.drop();
    this.request?.destroy();
  }

  /** Keeps the connection for the next call, if the provider ends its answer soon. */
  release(): void {
    if (!this.answer || this.answer.readableEnded) return;
    const timer = setTimeout(() => this.cut(), limits.providerTailMs).unref();
    this.answer.once('end', () => clearTimeout(timer)).resume();
  }

  private guard(url: string | URL | Request, { method, body }: RequestInit): Buffer {
    const bytes = typeof body === 'string' || body instanceof Uint8Array ? Buffer.from(body) : undefined;
    const isTheCall = method === 'POST' && String(url) === this.connections.endpoint && !this.hasPassed;
    const isThePrompt = bytes && createHash('sha256').update(bytes).digest('hex') === this.call.bodySha256;
    if (isTheCall && isThePrompt) {
      this.hasPassed = true;
      return bytes;
    }
    const words = 'The request differs from the recorded prompt, so it was not sent';
    throw new ModelFailure('prompt_mismatch', words, { retryable: false });
  }

  private requireUncut(): void {
    if (this.isCut) throw connectionFailure(new Error('The call was ended'), false);
  }

  private send(bytes: Buffer, request: ClientRequest): Promise<IncomingMessage> {
    this.request = request;
    let readBefore = 0;
    // A reused connection has already read bytes of other answers.
    const begin = (socket: Socket) => {
      readBefore = socket.bytesRead;
    };
    if (request.socket) begin(request.socket);
    else request.once('socket', begin);
    return new Promise((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) => {
        const failure = connectionFailure(error, (request.socket?.bytesRead ?? 0) > readBefore);
        this.arrived?.fail(failure);
        reject(failure);
      };
      request.once('response', (answer) => {
        this.answer = answer;
        this.arrived = new Arrivals(answer);
        // A reset fails the request and its answer; a premature end only the answer.
        answer.on('error', fail);
        resolve(answer);
      });
      request.on('error', fail);
      request.end(bytes);
    });
  }

  private async plainFailure(answer: IncomingMessage): Promise<ModelFailure> {
    const body = await firstBytes(this.arrivals);
    const { statusCode: status = 0, headers } = answer;
    const contentType = headers['content-type'] ?? 'no content type';
    return failureOf({ status, contentType, body, retryAfterMs: retryAfterMs(headers, this.clock.now()) });
  }
}

/** True for the head of a stream. Some servers send no content type, or plain text. */
function isStream({ statusCode = 0, headers }: IncomingMessage): boolean {
  const coded = headers['content-encoding'] ?? 'identity';
  const type = headers['content-type'] ?? '';
  return statusCode >= 200 && statusCode < 300 && coded === 'identity' && !/json|html|xml/i.test(type);
}

async function firstBytes(arrived: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of arrived) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= limits.providerErrorBytesMax) break;
    }
  } catch {
    // The body broke off. Keep the status and the text so far.
  }
  return Buffer.concat(chunks).subarray(0, limits.providerErrorBytesMax).toString();
}

/** The pause that a provider asks for: milliseconds in its own header, or seconds or a date in Retry-After. */
function retryAfterMs(headers: IncomingHttpHeaders, now: number): number | undefined {
  const own = amount(headers['retry-after-ms']);
  if (own !== undefined) return wholeMs(own);
  const header = headers['retry-after'];
  const seconds = amount(header);
  if (seconds !== undefined) return wholeMs(seconds * 1_000);
  const date = header?.trim().endsWith('GMT') ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function amount(header: string | string[] | undefined): number | undefined {
  return typeof header === 'string' && /^\d+(\.\d+)?$/.test(header.trim()) ? Number(header) : undefined;
}

function wholeMs(milliseconds: number): number {
  return Math.min(Math.ceil(milliseconds), Number.MAX_SAFE_INTEGER);
}
