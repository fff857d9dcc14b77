import type { ModelCall } from '../../ports/language-model.js';

const QUOTE_CHARACTERS_MAX = 160;

/** The demo answer. It depends only on the request. */
export interface DemoRequest {
  readonly model: string;
  readonly messages: number;
  readonly question: string;
}

export function readRequest(body: string): DemoRequest {
  const { model, messages = [] }: { model?: unknown; messages?: { role?: unknown; content?: unknown }[] } =
    JSON.parse(body);
  const question = messages.findLast(({ role }) => role === 'user')?.content;
  return {
    model: typeof model === 'string' ? model : 'demo',
    messages: messages.length,
    question: typeof question === 'string' ? question : '',
  };
}

export function demoAnswer(request: DemoRequest, { body, bodySha256 }: ModelCall): string {
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
