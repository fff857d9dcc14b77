import { createHash, randomUUID } from 'node:crypto';
import { answerBlocks } from '../../src/domain/texts.js';
import type { DomainEvent } from '../../src/events/catalogue.js';
import type { Metadata } from '../../src/events/envelope.js';
import type { EventLog } from '../../src/ports/event-log.js';
import { appendAtEnd, newEvent } from './new-events.js';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

type Finalized = Extract<DomainEvent, { type: 'GenerationFinalized' }>['data'];
type Ended = Extract<DomainEvent, { type: 'AttemptEnded' }>['data'];

interface Told {
  readonly messageId: string;
  readonly queuedAt: string;
  claimedAt: string | null;
  firstTextAt: string | null;
  lastTextAt: string | null;
  attempt: number;
  seq: number;
  text: string;
}

const NO_TEXT = { firstTextAt: null, lastTextAt: null, seq: 0, text: '' };

/** A conversation as commands and workers would append it, one event at a time, a second apart. */
export class ChatLog {
  private readonly generations = new Map<string, Told>();
  private seconds = 0;
  /** Called after each event that was appended. */
  onAppended: () => Promise<void> = async () => {};

  constructor(
    private readonly log: EventLog,
    readonly id: string = randomUUID(),
    private readonly whose = { tenant: 'default', owner: 'ada' },
  ) {}

  async started(title: string | null = null, system: string | null = null): Promise<this> {
    return this.ledger({ type: 'ConversationStarted', data: { title, system, purpose: 'chat' } });
  }

  async sent(
    messageId: string,
    text: string,
    {
      parent = null,
      kind = 'message',
      revises,
    }: { parent?: string | null; kind?: 'message' | 'note'; revises?: string } = {},
  ): Promise<this> {
    const parts = [{ type: 'text' as const, text }];
    const data = {
      messageId,
      parent,
      role: 'user',
      origin: 'person',
      kind,
      parts,
      ...(revises && { revises }),
    } as const;
    return this.ledger({ type: 'MessageSent', data });
  }

  async requested(generationId: string, messageId: string, regenerates?: string): Promise<this> {
    this.generations.set(generationId, { messageId, queuedAt: this.at(), claimedAt: null, attempt: 0, ...NO_TEXT });
    const data = { generationId, messageId, options: {}, ...(regenerates && { regenerates }) };
    return this.ledger({ type: 'GenerationRequested', data });
  }

  /** The prompt is the message and the path to it; its hash is that of the body unless another one is recorded. */
  async assembled(generationId: string, body = '', recordedSha256 = sha256(body)): Promise<this> {
    const { messageId } = this.generation(generationId);
    const data = {
      generationId,
      messageId,
      provider: 'demo',
      model: 'demo-small',
      params: { temperature: 0 },
      parts: [
        { kind: 'literal', text: '{"messages":[' },
        { kind: 'path', from: messageId, to: messageId },
        { kind: 'literal', text: ']}' },
      ] as const,
      sha256: recordedSha256,
      bytes: Buffer.byteLength(body),
      tokens: { prompt: 3, budget: 10, reserved: 1, limit: 11, estimated: true, encoding: 'o200k_base' },
      trimmed: [],
      assembler: 1,
      format: 'openai-chat@1',
      request: { path: '/chat/completions' },
      attempt: 1,
    };
    return this.ledger({ type: 'PromptAssembled', data: { ...data, parts: [...data.parts] } });
  }

  /** What is asked, from the request to the prompt. */
  async asked(generationId: string, messageId: string): Promise<this> {
    await this.requested(generationId, messageId);
    return this.assembled(generationId);
  }

  async claimed(generationId: string): Promise<this> {
    const told = this.generation(generationId);
    Object.assign(told, { attempt: told.attempt + 1, claimedAt: this.at(), ...NO_TEXT });
    return this.tape(generationId, {
      type: 'GenerationClaimed',
      data: { attempt: told.attempt, worker: 'node-1', provider: 'demo', model: 'demo-small' },
    });
  }

  async delta(generationId: string, text: string, channel: 'content' | 'reasoning' = 'content'): Promise<this> {
    const told = this.generation(generationId);
    if (channel === 'content') told.text += text;
    told.firstTextAt ??= this.at();
    told.lastTextAt = this.at();
    const data = { attempt: told.attempt, seq: told.seq++, block: 0, text, channel };
    return this.tape(generationId, { type: 'DeltaReceived', data });
  }

  async attemptEnded(generationId: string, ended: Partial<Ended> = {}): Promise<this> {
    const data: Ended = {
      attempt: this.generation(generationId).attempt,
      outcome: 'completed',
      finishReason: 'stop',
      modelServed: 'demo-1',
      usage: { input: 3, output: 2, total: 5 },
      usageRaw: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
      response: {},
      droppedDeltas: 0,
      ...ended,
    };
    return this.tape(generationId, { type: 'AttemptEnded', data });
  }

  async finalized(generationId: string, ended: Partial<Finalized> = {}): Promise<this> {
    const { attempt, seq, text, queuedAt, claimedAt, firstTextAt, lastTextAt } = this.generation(generationId);
    const data: Finalized = {
      generationId,
      status: 'final',
      finishReason: 'stop',
      blocks: answerBlocks(text),
      textSha256: sha256(text),
      deltas: seq,
      attempt: attempt || null,
      attempts: attempt,
      modelServed: 'demo-1',
      usage: { input: 3, output: 2, total: 5 },
      cost: { amount: '0.001', currency: 'USD', priceList: '2026-01' },
      timings: { queuedAt, claimedAt, firstTextAt, lastTextAt },
      ...ended,
    };
    return this.ledger({ type: 'GenerationFinalized', data });
  }

  /** A whole turn: a message, and an answer in so many pieces. */
  async turn(name: string, pieces: readonly string[], parent: string | null = null): Promise<this> {
    const generation = `g${name}`;
    await this.sent(`m${name}`, `text ${name}`, { parent });
    await this.asked(generation, `m${name}`);
    await this.claimed(generation);
    for (const piece of pieces) await this.delta(generation, piece);
    await this.attemptEnded(generation);
    return this.finalized(generation);
  }

  async ledger(event: DomainEvent): Promise<this> {
    return this.append(`conversation-${this.id}`, event);
  }

  async tape(generationId: string, event: DomainEvent): Promise<this> {
    return this.append(`generation-${generationId}`, event);
  }

  /** An auditor has looked at a generation of the conversation. */
  async looked(generationId: string): Promise<this> {
    const { tenant, owner } = this.whose;
    const meta = { actor: { id: 'eve', kind: 'user' }, via: { kind: 'key', id: 'k1' }, correlationId: 'trace' };
    const command = { ...meta, commandId: randomUUID() };
    const objects = [
      { kind: 'run', id: generationId },
      { kind: 'conversation', id: this.id },
    ];
    for (const object of objects) {
      const data = { what: 'run', object, owner };
      await this.append(`access-${tenant}-2026-01-01-w1`, { type: 'AccessRecorded', data }, command);
    }
    return this;
  }

  private async append(stream: string, event: DomainEvent, by?: Metadata): Promise<this> {
    const { tenant, owner } = this.whose;
    const actor = { id: owner, kind: 'user' };
    const meta = by ?? { conversation: this.id, owner, actor, correlationId: 'trace', commandId: randomUUID() };
    const encoded = newEvent(event, { id: randomUUID(), tenant, at: this.at(), meta });
    this.seconds += 1;
    const { outcome } = await appendAtEnd(this.log, stream, [encoded]);
    if (outcome !== 'appended') throw new Error(`${event.type} was not appended: ${outcome}`);
    await this.onAppended();
    return this;
  }

  private at(): string {
    return new Date(Date.UTC(2026, 0, 1) + this.seconds * 1_000).toISOString();
  }

  private generation(id: string): Told {
    const told = this.generations.get(id);
    if (!told) throw new Error(`${id} was not requested`);
    return told;
  }
}
