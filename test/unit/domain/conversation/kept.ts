import fc from 'fast-check';
import type { Conversation, RecordedInConversation } from '../../../../src/domain/conversation/conversation.js';
import { KeptConversation, writeKept } from '../../../../src/domain/conversation/kept-conversation.js';
import { NotLoaded, type SeenEvent } from '../../../../src/domain/conversation/kept-entries.js';
import type { Aggregate } from '../../../../src/domain/decider.js';
import type { ConversationEvent } from '../../../../src/events/conversation-events.js';
import { ended, promptOf, recorded } from './story.js';

type Folding = Aggregate<Conversation, RecordedInConversation>;

export const uuid = (nth: number): string => `${nth.toString(16).padStart(8, '0')}-0000-4000-8000-${'0'.repeat(12)}`;

const ACTS = [
  ...['turn', 'turn', 'turn', 'message', 'request', 'prompt', 'end'],
  ...['note', 'cancel', 'select', 'rename', 'archive', 'configure', 'start'],
] as const;

export interface Drawn {
  readonly act: (typeof ACTS)[number];
  readonly pick: number;
  readonly other: number;
}

export const drawnActs = fc.array(
  fc.record({ act: fc.constantFrom(...ACTS), pick: fc.nat(1_000), other: fc.nat(1_000) }),
  { minLength: 1, maxLength: 60, size: 'max' },
);

/** Whole turns, and events that fit nowhere: a fold has to survive both. */
class Drawing {
  readonly events: ConversationEvent[] = [];
  private readonly ids: string[] = [];
  private last: string | null = null;

  act({ act, pick, other }: Drawn): void {
    if (act === 'turn') this.turn(pick, other);
    if (act === 'message') this.send('message', pick, other % 4 === 0 ? null : this.known(other));
    if (act === 'note') this.send('note', pick, other % 4 === 0 ? null : this.known(other));
    if (act === 'request') this.request(this.known(pick), other);
    if (act === 'prompt') this.prompt(this.known(pick));
    if (act === 'cancel') this.add('GenerationCancelRequested', { generationId: this.known(pick), reason: 'asked' });
    if (act === 'end') this.end(this.known(pick), other);
    if (act === 'select') this.add('BranchSelected', { leaf: this.known(pick) });
    if (act === 'rename') this.add('ConversationRenamed', { title: pick % 3 ? `title ${pick}` : null });
    if (act === 'archive') this.add(pick % 2 ? 'ConversationArchived' : 'ConversationRestored', {});
    if (act === 'configure') this.add('ConversationConfigured', choices(pick, other));
    if (act === 'start') {
      this.add('ConversationStarted', {
        title: `start ${pick}`,
        system: null,
        purpose: 'chat',
        ...choices(pick, other),
      });
    }
  }

  private turn(pick: number, other: number): void {
    const message = this.send('message', 1, other % 3 === 0 ? this.known(other) : this.last);
    const generation = this.request(message, pick);
    this.prompt(generation);
    this.end(generation, other);
    this.last = generation;
  }

  private send(kind: 'message' | 'note', pick: number, parent: string | null): string {
    const messageId = pick % 9 === 0 ? this.known(pick) : this.fresh();
    const parts = [{ type: 'text' as const, text: `said ${this.events.length}` }];
    const revises = pick % 5 === 0 && { revises: this.known(pick) };
    this.add('MessageSent', { messageId, parent, kind, role: 'user', origin: 'person', parts, ...revises });
    return messageId;
  }

  private request(messageId: string, pick: number): string {
    const generationId = pick % 9 === 0 ? this.known(pick) : this.fresh();
    const options = pick % 2 ? {} : { model: `model ${pick}` };
    const turn = pick % 4 === 0 ? { turn: pick % 8 === 0 ? ('next' as const) : ('last' as const) } : {};
    const regenerates = pick % 3 === 0 && { regenerates: this.known(pick + 1) };
    this.add('GenerationRequested', { generationId, messageId, options, ...turn, ...regenerates });
    return generationId;
  }

  private prompt(generationId: string): void {
    const prompt = promptOf(`body ${this.events.length}`);
    this.add('PromptAssembled', { ...prompt, generationId, messageId: this.known(0), attempt: 1 });
  }

  private end(generationId: string, pick: number): void {
    const status = (['final', 'final', 'cancelled', 'error'] as const)[pick % 4];
    this.add('GenerationFinalized', ended(generationId, pick % 5 ? `answer ${pick}` : '', status));
  }

  private add<T extends ConversationEvent['type']>(
    type: T,
    data: Extract<ConversationEvent, { type: T }>['data'],
  ): void {
    this.events.push({ type, data } as ConversationEvent);
  }

  private known = (pick: number): string => this.ids[pick % Math.max(1, this.ids.length)] ?? uuid(0xffff);

  private fresh(): string {
    const id = uuid(this.ids.length + 1);
    this.ids.push(id);
    return id;
  }
}

const choices = (pick: number, other: number) => ({
  ...(pick % 2 && { model: other % 3 ? `model ${pick}` : null }),
  ...(pick % 3 && { tokenBudget: pick }),
  ...(other % 2 && { system: other % 4 === 1 ? `system ${pick}` : null }),
});

export function eventsOf(acts: readonly Drawn[]): SeenEvent[] {
  const drawing = new Drawing();
  for (const act of acts) drawing.act(act);
  return drawing.events.map((event, nth) => ({ ...recorded(event, nth), id: uuid(0x10000 + nth), seen: nth + 1 }));
}

export const foldOf = ({ initial, evolve }: Folding, events: readonly SeenEvent[]): Conversation =>
  events.reduce(evolve, initial);

export function writtenAtOnce(state: Conversation, bytes = 1): Buffer {
  const writing = writeKept(state, bytes);
  let written = writing.next();
  while (!written.done) written = writing.next();
  if (!written.value) throw new Error('the fold cannot be kept');
  return written.value;
}

/** What the log holds. */
export class Ledger {
  constructor(private readonly events: readonly SeenEvent[]) {}

  /** The fold as another process reads it. */
  read(bytes: Buffer, aggregate: Folding): Conversation {
    const kept = KeptConversation.read(bytes, aggregate);
    if (!kept) throw new Error('the bytes are damaged');
    return kept.fold(this.at(kept.wanted()));
  }

  /** Repeats an act until what it reads is loaded. */
  loading<T>(act: () => T): T {
    for (;;) {
      try {
        return act();
      } catch (error) {
        if (!(error instanceof NotLoaded)) throw error;
        error.load(this.at(error.wanted()));
      }
    }
  }

  /** All that the fold says, as one value. */
  plain(state: Conversation): object {
    const texts = this.events.map(({ id }) => this.loading(() => state.systemTexts.get(id)));
    const nodes = this.loading(() => [...state.nodes.newestFirst()]);
    return { ...state, nodes, size: state.nodes.size, systemTexts: texts.filter((text) => text !== undefined) };
  }

  private at(numbers: readonly number[]): SeenEvent[] {
    return numbers.map((seen) => this.events[seen - 1] as SeenEvent);
  }
}
