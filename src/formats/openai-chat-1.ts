import type { BodyFormat, BodyTexts, PromptPart } from './body-format.js';
import { answerTokensIn, openAiChat1Params } from './openai-chat-1-params.js';

/**
 * `openai-chat@1`: the JSON of OpenAI's streamed chat completions, as JSON.stringify writes it. Recorded hashes depend on
 * every character, so this file never changes. Another body is another version beside it.
 */
export const openAiChat1: BodyFormat = {
  name: 'openai-chat@1',
  params: openAiChat1Params,
  answerTokensIn,
  request: { path: '/chat/completions' },

  partsOf({ model, system, path, params }) {
    const opening = `{"model":${JSON.stringify(model)},"messages":[`;
    const settings = params.map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`).join('');
    return [
      ...(system
        ? [
            literal(`${opening}{"role":"system","content":"`),
            { kind: 'text' as const, event: system.event, pointer: system.pointer },
            literal('"},'),
          ]
        : [literal(opening)]),
      { kind: 'path', from: path.from, to: path.to },
      literal(`]${settings},"stream":true,"stream_options":{"include_usage":true}}`),
    ];
  },

  render(parts, texts) {
    const rendered = parts.map((part) => {
      switch (part.kind) {
        case 'literal':
          return part.text;
        case 'text':
          return escaped(texts.text(part));
        case 'path':
          return messages(texts.messages(part.from, part.to));
        case 'own':
          throw new Error('openai-chat@1 has no parts of this kind: a later version recorded this prompt');
        default:
          return part satisfies never;
      }
    });
    return rendered.join('');
  },
};

const literal = (text: string): PromptPart => ({ kind: 'literal', text });

const messages = (entries: ReturnType<BodyTexts['messages']>): string =>
  entries.map(({ role, text }) => `{"role":"${role}","content":"${escaped(text)}"}`).join(',');

/** As JSON writes it between the quotes: lone surrogates and controls as \u escapes, so the bytes are never a guess. */
const escaped = (text: string): string => JSON.stringify(text).slice(1, -1);
