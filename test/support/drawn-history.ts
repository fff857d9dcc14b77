import fc from 'fast-check';
import type { EventLog } from '../../src/ports/event-log.js';
import { ChatLog } from './chat-log.js';

const ACTS = [
  'send',
  'note',
  'edit',
  'ask',
  'queue',
  'claim',
  'say',
  'end',
  'cancel',
  'select',
  'rename',
  'configure',
  'archive',
  'look',
] as const;

export interface DrawnStep {
  readonly chat: number;
  readonly act: (typeof ACTS)[number];
  readonly pick: number;
}

const CHATS = 4;

export const drawnSteps: fc.Arbitrary<DrawnStep[]> = fc.array(
  fc.record({ chat: fc.nat(CHATS - 1), act: fc.constantFrom(...ACTS), pick: fc.nat(1_000) }),
  { minLength: 30, maxLength: 120, size: 'max' },
);

/** One conversation, which does what is drawn where that makes sense. */
class DrawnChat {
  private readonly messages: string[] = [];
  private readonly ended: string[] = [];
  private queue: string[] = [];
  private open: string | undefined;
  private isClaimed = false;
  private isStarted = false;
  private count = 0;

  constructor(private readonly chat: ChatLog) {}

  get id(): string {
    return this.chat.id;
  }

  async step({ act, pick }: DrawnStep): Promise<void> {
    const { chat } = this;
    if (!this.isStarted) {
      this.isStarted = true;
      await chat.started(pick % 2 ? `title ${pick}` : null, pick % 3 ? `system ${pick}` : null);
      return;
    }
    const name = `${chat.id.slice(0, 8)}-${this.count++}`;
    const message = this.messages[pick % Math.max(1, this.messages.length)];
    const leaf = [...this.messages, ...this.ended][pick % Math.max(1, this.messages.length + this.ended.length)];
    if (act === 'send') await this.send(`m${name}`, leaf ?? null);
    if (act === 'note') await chat.sent(`n${name}`, `aside ${pick}`, { parent: leaf ?? null, kind: 'note' });
    if (act === 'edit' && message) await this.send(`m${name}`, null, message);
    if (act === 'ask' && message && !this.open) await this.ask(`g${name}`, message);
    if (act === 'queue' && message && this.open) await this.wait(`g${name}`, message);
    if (act === 'claim' && this.open) await this.claim(this.open);
    if (act === 'say' && this.open && this.isClaimed) await chat.delta(this.open, `word${pick} `);
    if (act === 'end' && this.open && this.isClaimed) await this.end(this.open, pick);
    if (act === 'cancel') await this.cancel();
    if (act === 'select' && leaf) await chat.ledger({ type: 'BranchSelected', data: { leaf } });
    if (act === 'rename') await chat.ledger({ type: 'ConversationRenamed', data: { title: `renamed ${pick}` } });
    if (act === 'configure') {
      const data = {
        model: `model-${pick % 3}`,
        ...(pick % 2 && { system: pick % 4 === 1 ? null : `system ${pick}` }),
      };
      await chat.ledger({ type: 'ConversationConfigured', data });
    }
    if (act === 'look' && leaf) await chat.looked(leaf);
    if (act === 'archive') {
      await chat.ledger({ type: pick % 2 ? 'ConversationArchived' : 'ConversationRestored', data: {} });
    }
  }

  private async send(id: string, parent: string | null, revises?: string): Promise<void> {
    await this.chat.sent(id, `said in ${id}`, { parent, ...(revises && { revises }) });
    this.messages.push(id);
  }

  private async ask(generation: string, message: string): Promise<void> {
    const before = this.ended.at(-1);
    await this.chat.requested(generation, message, before);
    await this.chat.assembled(generation);
    this.open = generation;
    this.isClaimed = false;
  }

  private async wait(generation: string, message: string): Promise<void> {
    await this.chat.requested(generation, message);
    this.queue.push(generation);
  }

  private async claim(generation: string): Promise<void> {
    await this.chat.claimed(generation);
    this.isClaimed = true;
  }

  private async end(generation: string, pick: number): Promise<void> {
    await this.chat.attemptEnded(generation);
    const status = (['final', 'cancelled', 'error'] as const)[pick % 3] ?? 'final';
    const failure = status === 'error' && { error: { kind: 'timeout', message: 'too long' } };
    await this.chat.finalized(generation, { status, ...failure, ...(pick % 2 && { usage: null, cost: null }) });
    this.ended.push(generation);
    this.open = this.queue.shift();
    this.isClaimed = false;
    if (this.open) await this.chat.assembled(this.open);
  }

  private async cancel(): Promise<void> {
    const waiting = this.queue.pop();
    const none = { status: 'cancelled', usage: null, cost: null, attempt: null } as const;
    if (waiting) await this.chat.finalized(waiting, none);
    else if (this.open) {
      await this.chat.ledger({ type: 'GenerationCancelRequested', data: { generationId: this.open, reason: 'asked' } });
    }
  }
}

/** Conversations of two users and two tenants, their events interleaved. Answers with their ids. */
export async function playHistory(log: EventLog, steps: readonly DrawnStep[]): Promise<readonly string[]> {
  const chats = Array.from({ length: CHATS }, (_, nth) => {
    const whose = { tenant: nth === 3 ? 'acme' : 'default', owner: nth % 2 ? 'ada' : 'bob' };
    return new DrawnChat(new ChatLog(log, undefined, whose));
  });
  for (const step of steps) await chats[step.chat]?.step(step);
  const played = new Set(steps.map(({ chat }) => chat));
  return chats.filter((_, nth) => played.has(nth)).map(({ id }) => id);
}
