import { openAiChat1 } from '../../formats/openai-chat-1.js';
import type { Clock } from '../../ports/clock.js';
import type { LanguageModel, ModelCall, PreparedCall } from '../../ports/language-model.js';
import { Connections } from './connections.js';
import { OpenAiCall, type OpenAiPlace } from './openai-call.js';

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
