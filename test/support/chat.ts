import { answerText } from '../../src/domain/texts.js';
import type { TypedEvent } from '../../src/events/codec.js';
import type { NewEvent } from '../../src/events/envelope.js';
import type { AppendOutcome } from '../../src/ports/event-log.js';
import type { Tracer } from '../../src/ports/tracer.js';
import { gate } from './gate.js';
import { type Answer, type CallOptions, type HttpApp, startHttpApp } from './http-app.js';
import { memoryEngines } from './memory-engines.js';
import { appendAtEnd, typedEvents, wholeStream } from './new-events.js';
import { aborted, content, finished, type Play, ScriptedModel } from './scripted-model.js';
import { until } from './until.js';

/** Written in a message, it makes the model say a first word and then wait for the test. */
export const HOLD = 'hold on';

/** What a turn was answered. */
export interface Turn {
  readonly messageId: string;
  readonly generationId: string;
  readonly promptSha256: string | null;
  readonly status: string;
  readonly cursor: string;
}

/** Conversations over HTTP, with a model that answers at once unless it is asked to hold on. */
export interface Chat extends HttpApp {
  readonly model: ScriptedModel;
  /** Lets every held answer go on, and those that come. */
  release(): void;
  post(path: string, body?: CallOptions['body'], options?: CallOptions): Promise<Answer>;
  /** A new conversation of the caller, by its path. */
  started(body?: object, options?: CallOptions): Promise<string>;
  /** A message that is taken, with what was answered. */
  sent(conversation: string, body: object): Promise<Turn>;
  /** The same, and waits for the end of the answer. */
  done(conversation: string, body: object): Promise<Turn>;
  ledger(conversation: string): Promise<TypedEvent[]>;
  /** Into the log, past everything that would refuse it. */
  append(stream: string, events: readonly NewEvent[]): Promise<AppendOutcome>;
  types(stream: string): Promise<string[]>;
  /** Resolves when the first word of an answer is committed. */
  firstWord(generation: string): Promise<void>;
  /** The result of a generation, once it has ended. */
  ended(conversation: string, generation: string): Promise<Record<string, unknown>>;
}

export const CONVERSATIONS = '/api/v1/conversations';

export async function startChat(environment = {}, play?: Play, tracer?: Tracer): Promise<Chat> {
  const released = gate();
  const model = new ScriptedModel([play ?? answering(released.opened)]);
  const engines = { ...memoryEngines(), models: new Map([['demo', model]]) };
  const http = await startHttpApp(engines, environment, tracer);

  const post: Chat['post'] = (path, body, options) =>
    http.call('POST', path.startsWith('/') ? path : `${CONVERSATIONS}/${path}`, { ...options, body });
  const eventsOf = async (stream: string) => {
    return typedEvents(await wholeStream(engines.log, stream));
  };
  const ledger: Chat['ledger'] = (conversation) => eventsOf(`conversation-${conversation}`);
  const ended: Chat['ended'] = async (conversation, generation) => {
    const ends = async () =>
      (await ledger(conversation)).flatMap(({ type, data }) =>
        type === 'GenerationFinalized' && data.generationId === generation
          ? [{ ...data, text: answerText(data.blocks) }]
          : [],
      );
    await until(async () => (await ends()).length > 0);
    return (await ends())[0] as Record<string, unknown>;
  };
  const sent: Chat['sent'] = async (conversation, body) => {
    const answer = await post(`${conversation}/messages`, body);
    if (answer.status !== 202) throw new Error(`not taken: ${answer.text}`);
    return answer.json as Turn;
  };

  return {
    ...http,
    model,
    release: released.open,
    post,
    async started(body = {}, options = {}) {
      const { status, json, text } = await post(CONVERSATIONS, body, options);
      if (status !== 201) throw new Error(`not started: ${text}`);
      return (json as { id: string }).id;
    },
    sent,
    async done(conversation, body) {
      const turn = await sent(conversation, body);
      await ended(conversation, turn.generationId);
      return turn;
    },
    ledger,
    append: (stream, events) => appendAtEnd(engines.log, stream, events),
    firstWord: (generation) =>
      until(async () => (await eventsOf(`generation-${generation}`)).some(({ type }) => type === 'DeltaReceived')),
    types: async (stream) => typesOf(await eventsOf(stream)),
    ended,
    async close() {
      released.open();
      await http.close();
    },
  };
}

/** Says how many messages it was given, so that a test sees what was in its prompt. */
function answering(released: Promise<void>): Play {
  return async function* ({ body }, signal) {
    const { messages } = JSON.parse(body) as { messages: { content: string }[] };
    yield content(`answer to ${messages.length}`);
    if (messages.at(-1)?.content.includes(HOLD)) await Promise.race([released, aborted(signal)]);
    if (signal.aborted) return;
    yield content(' in all');
    yield finished({ prompt_tokens: messages.length });
  };
}

export const typesOf = (events: readonly TypedEvent[]): string[] => events.map(({ type }) => type);
