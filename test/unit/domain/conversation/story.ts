import { createHash } from 'node:crypto';
import { expect } from '@jest/globals';
import {
  type Command,
  type Conversation,
  type ConversationDecision,
  conversation,
  type RecordedInConversation,
} from '../../../../src/domain/conversation/conversation.js';
import { finalize } from '../../../../src/domain/conversation/endings.js';
import type { Assemble } from '../../../../src/domain/conversation/prompting.js';
import { choicesFor } from '../../../../src/domain/conversation/settings.js';
import { start } from '../../../../src/domain/conversation/start.js';
import { type Choices, type GenerationFinalized, pathTo } from '../../../../src/domain/conversation/tree.js';
import { type AnswerRequest, type NewMessage, send } from '../../../../src/domain/conversation/turns.js';
import type { AssembledPrompt } from '../../../../src/domain/prompt/assemble.js';
import { Refusal, type RefusalCode } from '../../../../src/domain/refusal.js';
import { answerBlocks } from '../../../../src/domain/texts.js';
import type { ConversationEvent } from '../../../../src/events/conversation-events.js';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export const ada = { tenant: 'acme', user: 'ada' };
export const command = (commandId: string, fingerprint?: string): Command => ({
  commandId,
  by: ada,
  ...(fingerprint !== undefined && { fingerprint }),
});

/** A prompt that depends on all that a real one depends on: system text, choices, and the texts of the path. */
export const promptOf = (body: string, provider: string | null = null): AssembledPrompt => ({
  provider: provider ?? 'demo',
  model: 'demo',
  params: {},
  parts: [{ kind: 'literal', text: body }],
  sha256: sha256(body),
  bytes: body.length,
  tokens: { prompt: 1, budget: 10, reserved: 1, limit: 11, estimated: true, encoding: 'o200k_base' },
  trimmed: [],
  assembler: 1,
  format: 'openai-chat@1',
  request: { path: '/chat/completions' },
});

export const GONE = 'gone';

export const assemble: Assemble = (state, reply) => {
  const choices = choicesFor(state.settings, reply.options);
  if (choices.provider === GONE) return new Refusal('provider_not_configured', { provider: GONE });
  const texts = pathTo(state, reply.parent).map((node) => (node.kind === 'reply' ? node.result?.text : node.text));
  return promptOf(
    JSON.stringify([state.settings.system?.text, choices.model, choices.params, texts]),
    choices.provider,
  );
};

export const ended = (
  generationId: string,
  text = `answer ${generationId}`,
  status: GenerationFinalized['status'] = 'final',
): GenerationFinalized => ({
  generationId,
  status,
  finishReason: status === 'final' ? 'stop' : null,
  blocks: answerBlocks(text),
  textSha256: sha256(text),
  deltas: 1,
  attempt: 1,
  attempts: 1,
  modelServed: 'demo',
  usage: null,
  cost: null,
  timings: { queuedAt: timeOf(0), claimedAt: timeOf(1), firstTextAt: timeOf(2), lastTextAt: timeOf(3) },
});

export const timeOf = (second: number): string => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();

export const recorded = (event: ConversationEvent, nth: number, { commandId, fingerprint }: Partial<Command> = {}) =>
  ({
    ...event,
    id: `event-${nth}`,
    tenant: ada.tenant,
    at: timeOf(nth),
    meta: { owner: ada.user, commandId: commandId ?? `saga-${nth}`, ...(fingerprint !== undefined && { fingerprint }) },
  }) as RecordedInConversation;

/** What has happened so far, and what is done about it: given, when, then. */
export class Story {
  readonly events: RecordedInConversation[] = [];
  state: Conversation = conversation.initial;
  private commands = 0;

  /** Lets it happen, and answers what it was. */
  does(decision: ConversationDecision, by?: Command): readonly ConversationEvent[] {
    const decided = decision(this.state);
    for (const event of decided) {
      const happened = recorded(event, this.events.length, by);
      this.events.push(happened);
      this.state = conversation.evolve(this.state, happened);
    }
    return decided;
  }

  next(): Command {
    this.commands += 1;
    return command(`command-${this.commands}`);
  }

  started(beginning: Parameters<typeof start>[0] = {}): this {
    const by = this.next();
    this.does(start(beginning), by);
    return this;
  }

  /** Message `m<name>`, and generation `g<name>` unless nothing is asked. */
  sends(name: string, message: Partial<NewMessage> = {}, options: Choices | null = {}): readonly ConversationEvent[] {
    const by = this.next();
    return this.does(send(by, saying(name, message), options && asking(name, options), assemble), by);
  }

  ends(name: string, result: GenerationFinalized = ended(`g${name}`)): readonly ConversationEvent[] {
    return this.does(finalize(result, assemble));
  }

  /** A whole turn. */
  turn(name: string, message: Partial<NewMessage> = {}): this {
    this.sends(name, message);
    this.ends(name);
    return this;
  }

  /** Refused, and nothing happened. */
  refuses(decision: ConversationDecision, code: RefusalCode, details?: object): void {
    const before = this.state;
    const refusal = refusalOf(() => decision(before));
    expect(refusal.code).toBe(code);
    if (details) expect(refusal.details).toEqual(details);
    expect(this.state).toBe(before);
  }
}

export const saying = (name: string, message: Partial<NewMessage> = {}): NewMessage => ({
  messageId: `m${name}`,
  content: `text ${name}`,
  origin: 'person',
  ...message,
});

export const asking = (name: string, options: Choices = {}, expectPrompt?: string): AnswerRequest => ({
  generationId: `g${name}`,
  options,
  ...(expectPrompt !== undefined && { expectPrompt }),
});

export function refusalOf(act: () => unknown): Refusal {
  try {
    act();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

export const typesOf = (events: readonly ConversationEvent[]): string[] => events.map(({ type }) => type);
