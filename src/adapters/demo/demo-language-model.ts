import { createHash } from 'node:crypto';
import type { RecordedUsage } from '../../events/conversation-events.js';
import type { Clock } from '../../ports/clock.js';
import {
  type LanguageModel,
  type ModelCall,
  ModelFailure,
  type ModelOutput,
  type PreparedCall,
} from '../../ports/language-model.js';

const DELTAS = 24;
const PAUSE_MS = 20;

/** Answers if no provider is configured: offline, and always the same for the same request. */
export class DemoLanguageModel implements LanguageModel {
  constructor(private readonly clock: Pick<Clock, 'sleep'>) {}

  prepare(call: ModelCall): PreparedCall {
    return { response: {}, stream: (signal) => this.stream(call, signal), discard() {} };
  }

  private async *stream(call: ModelCall, signal: AbortSignal): AsyncGenerator<readonly ModelOutput[], void, void> {
    if (signal.aborted) return;
    if (createHash('sha256').update(call.body).digest('hex') !== call.bodySha256) {
      const words = 'The request differs from the recorded prompt';
      throw new ModelFailure('prompt_mismatch', words, { retryable: false });
    }
    const request = readRequest(call.body);
    const answer = demoAnswer(request, call);
    for (const text of pieces(answer)) {
      await this.clock.sleep(PAUSE_MS, signal);
      if (signal.aborted) return;
      yield [{ type: 'text', channel: 'content', text }];
    }
    if (signal.aborted) return;
    const usage = usageOf(call.body, answer);
    yield [{ type: 'finished', finishReason: 'stop', modelServed: request.model, usage, usageRaw: null }];
  }
}

/** Splits a text between words into pieces of about the same number of words. */
function pieces(answer: string): string[] {
  const words = answer.match(/\s*\S+\s*/g) ?? [];
  const wordsEach = Math.ceil(words.length / DELTAS);
  const count = Math.ceil(words.length / wordsEach);
  return Array.from({ length: count }, (_, nth) => words.slice(nth * wordsEach, (nth + 1) * wordsEach).join(''));
}

/** One token for every four bytes of UTF-8, rounded up. */
function usageOf(body: string, answer: string): RecordedUsage {
  const [input, output] = [body, answer].map((text) => Math.ceil(Buffer.byteLength(text) / 4)) as [number, number];
  return { input, output, total: input + output };
}

const QUOTE_CHARACTERS_MAX = 160;

/** The demo answer. It depends only on the request. */
interface DemoRequest {
  readonly model: string;
  readonly messages: number;
  readonly question: string;
}

function readRequest(body: string): DemoRequest {
  const { model, messages = [] }: { model?: unknown; messages?: { role?: unknown; content?: unknown }[] } =
    JSON.parse(body);
  const question = messages.findLast(({ role }) => role === 'user')?.content;
  return {
    model: typeof model === 'string' ? model : 'demo',
    messages: messages.length,
    question: typeof question === 'string' ? question : '',
  };
}

function demoAnswer(request: DemoRequest, { body, bodySha256 }: ModelCall): string {
  const messages = request.messages === 1 ? '1 message' : `${request.messages} messages`;
  return `**Verbatim demo model, no provider is configured.** This answer was made on this machine, by a fixed rule.

You wrote: ${quoted(request.question)}

The request that I was given:

- ${messages}, ${Buffer.byteLength(body)} bytes
- SHA-256 \`${bodySha256}\`

Before I was called, Verbatim recorded those exact bytes and their hash. It records each piece of this answer before \
anyone sees it, and then how the answer ended, so that all of it can be proven later.

What to try next:

1. **Regenerate** this answer: the first one stays beside the second.
2. **Edit** your message: the old version stays, with what was answered to it.
3. **Travel back**: look at this conversation as it was at any moment, without calling a model.

To talk to a real model set \`OPENAI_API_KEY\`, or \`OPENAI_BASE_URL\` for any compatible server, and \`VERBATIM_MODEL\`.
`;
}

/** Quotes a text as Markdown code, on one line, between more backticks than it has. */
export function quoted(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]+|\s+/gu, ' ').trim();
  const characters = [...line];
  const brief =
    characters.length > QUOTE_CHARACTERS_MAX ? `${characters.slice(0, QUOTE_CHARACTERS_MAX).join('')} …` : line;
  if (brief === '') return 'nothing.';
  const runs = brief.match(/`+/g) ?? [];
  const fence = '`'.repeat(1 + Math.max(0, ...runs.map((run) => run.length)));
  // A backtick at either end would otherwise become a part of the fence.
  const room = runs.length > 0 ? ' ' : '';
  return fence + room + brief + room + fence;
}
