import type { Clock } from '../../ports/clock.js';
import type { LanguageModel, ModelCall, PreparedCall } from '../../ports/language-model.js';
import { OpenAiCall } from './openai-call.js';

const OPENAI_ITSELF = 'https://api.openai.com/v1';

export interface OpenAiOptions {
  readonly apiKey?: string | undefined;
  /** The URL before `/chat/completions`. The only required option. */
  readonly baseUrl?: string | undefined;
}

/** Any provider with the API of OpenAI's streamed chat completions. */
export class OpenAiLanguageModel implements LanguageModel {
  private readonly apiKey: string | undefined;
  private readonly baseUrl: string;

  constructor(
    options: OpenAiOptions,
    private readonly clock: Pick<Clock, 'now'>,
  ) {
    this.apiKey = options.apiKey || undefined;
    this.baseUrl = new URL(options.baseUrl || OPENAI_ITSELF).href.replace(/\/+$/, '');
  }

  prepare(call: ModelCall): PreparedCall {
    return new OpenAiCall(call, { baseUrl: this.baseUrl, apiKey: this.apiKey }, this.clock);
  }
}
