import { OpenAI } from 'openai';
import { bedrock } from 'openai/providers/bedrock';
import { openAiChat1 } from '../../formats/openai-chat-1.js';
import type { Clock } from '../../ports/clock.js';
import {
  type LanguageModel,
  type ModelCall,
  ModelFailure,
  type ModelFailureKind,
  type ModelOutput,
  type Moments,
  type PreparedCall,
  type ResponseNames,
} from '../../ports/language-model.js';
import { ChatCompletion } from './chat-completion.js';
import { Connections } from './connections.js';
import { EventDecoder } from './event-stream.js';
import { Wire } from './wire.js';

const OPENAI_ITSELF = 'https://api.openai.com/v1';

export interface OpenAiOptions {
  readonly apiKey?: string | undefined;
  /** The URL before `/chat/completions`. The only required option. */
  readonly baseUrl?: string | undefined;
}

/** Any provider with the API of OpenAI's streamed chat completions. */
export class OpenAiLanguageModel implements LanguageModel {
  private readonly place: OpenAiPlace;

  constructor(
    options: OpenAiOptions,
    private readonly clock: Pick<Clock, 'now'>,
  ) {
    const baseUrl = new URL(options.baseUrl || OPENAI_ITSELF).href.replace(/\/+$/, '');
    const connections = new Connections(baseUrl + openAiChat1.request.path);
    this.place = { baseUrl, apiKey: options.apiKey || undefined, connections };
  }

  prepare(call: ModelCall): PreparedCall {
    return new OpenAiCall(call, this.place, this.clock);
  }

  /** Closes its connections. A call that is under way fails. */
  close(): void {
    this.place.connections.close();
  }
}

const PATH = openAiChat1.request.path;
/** For servers without keys: the SDK and some gateways require one. */
const NO_KEY = 'none';
/** The maximum of a timer. Only the caller limits the time of a call. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

interface OpenAiPlace {
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  readonly connections: Connections;
}

/** One call. The SDK prepares the request, which then waits in Wire until the call is made. */
class OpenAiCall implements PreparedCall {
  private readonly wire: Wire;
  private readonly completion = new ChatCompletion();
  private readonly answered: Promise<void>;

  constructor(
    call: ModelCall,
    private readonly place: OpenAiPlace,
    clock: Pick<Clock, 'now'>,
  ) {
    this.wire = new Wire(place.connections, call, clock);
    this.answered = this.request(call);
    // stream() throws this error. A discarded call reports none.
    this.answered.catch(() => {});
  }

  get response(): ResponseNames {
    const { responseId: id } = this.completion;
    const { requestId } = this.wire;
    return { ...(id !== undefined && { id }), ...(requestId !== undefined && { requestId }) };
  }

  discard(): void {
    this.wire.discard();
  }

  async *stream(signal: AbortSignal, moments: Moments): AsyncGenerator<readonly ModelOutput[], void, void> {
    const { wire } = this;
    if (signal.aborted) return wire.discard();
    const cut = () => wire.cut();
    signal.addEventListener('abort', cut, { once: true });
    let cameToItsEnd = false;
    try {
      for await (const outputs of this.outputs(moments)) {
        if (signal.aborted) return;
        cameToItsEnd = outputs.at(-1)?.type === 'finished';
        yield outputs;
      }
    } catch (error) {
      if (!signal.aborted) throw this.withoutTheKey(error);
    } finally {
      signal.removeEventListener('abort', cut);
      if (cameToItsEnd) wire.release();
      else wire.cut();
    }
  }

  private async *outputs(moments: Moments): AsyncGenerator<readonly ModelOutput[], void, void> {
    const { wire, completion } = this;
    wire.open();
    await this.answered;
    const decoder = new EventDecoder();
    let failure: ModelFailure | undefined;
    try {
      for await (const bytes of wire.arrivals) {
        const read = readTogether(decoder, bytes, completion);
        if (read.outputs.length > 0) {
          yield read.outputs;
          wire.arrivals.handOutAt(moments);
        }
        if (read.error !== undefined) throw read.error;
        if (completion.done) break;
        if (completion.finished()) wire.expectLittle();
      }
    } catch (error) {
      if (!(error instanceof ModelFailure)) throw error;
      failure = error;
    }
    const finished = completion.finished();
    const isComplete = finished && (!failure || TAKES_NOTHING_AWAY.includes(failure.kind));
    const last = [...completion.rest(), ...(isComplete ? [finished] : [])];
    if (last.length > 0) yield last;
    if (!isComplete) throw completion.failedWith(failure ?? withoutAnEnd());
  }

  private async request(call: ModelCall): Promise<void> {
    const { wire, place } = this;
    const client = new OpenAI({
      // With a provider the SDK reads no headers from the environment. This one is a base URL and a bearer token (ADR 57).
      provider: bedrock({ baseURL: place.baseUrl, apiKey: place.apiKey ?? NO_KEY }),
      webhookSecret: null,
      maxRetries: 0,
      timeout: LONGEST_TIMEOUT_MS,
      logLevel: 'off',
      fetch: wire.fetch,
    });
    // As bytes, because the SDK would serialize a parsed body in its own way.
    const body = Buffer.from(call.body);
    const headers = { 'content-type': 'application/json', accept: 'text/event-stream' };
    try {
      await client.post(PATH, { body, headers, stream: true }).asResponse();
    } catch {
      const words = 'The request could not be made';
      throw wire.failure ?? new ModelFailure('network', words, { retryable: false });
    }
  }

  /** Some servers quote a refused key. */
  private withoutTheKey(error: unknown): unknown {
    const { apiKey } = this.place;
    if (!(error instanceof ModelFailure) || apiKey === undefined) return error;
    return new ModelFailure(error.kind, error.message.replaceAll(apiKey, '[key]'), error.details);
  }
}

/** Returns the outputs, and the error if one came after them. */
function readTogether(
  decoder: EventDecoder,
  bytes: Buffer,
  completion: ChatCompletion,
): { readonly outputs: readonly ModelOutput[]; readonly error?: unknown } {
  const outputs: ModelOutput[] = [];
  try {
    decoder.decode(bytes, (data) => completion.read(data, outputs));
    return { outputs };
  } catch (error) {
    return { outputs, error };
  }
}

/** An answer with a finish reason is complete, even if its connection breaks. */
const TAKES_NOTHING_AWAY: readonly ModelFailureKind[] = ['network', 'too_long'];

function withoutAnEnd(): ModelFailure {
  const words = 'The stream ended without a finish reason: the answer is not complete';
  return new ModelFailure('incomplete', words, { retryable: false });
}
