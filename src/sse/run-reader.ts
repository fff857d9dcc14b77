import { createHash } from 'node:crypto';
import type { Conversation } from '../domain/conversation/conversation.js';
import { bodyOf } from '../domain/conversation/prompting.js';
import { mayRead, type Reader } from '../domain/conversation/readers.js';
import type { DeltaView, Run } from '../domain/conversation/run.js';
import { deltasOf, inOrder, type LedgerEntry, runOf } from '../domain/conversation/run-history.js';
import type { Reply } from '../domain/conversation/tree.js';
import type { Recorded } from '../domain/decider.js';
import { generation, type Tape } from '../domain/generation.js';
import { Refusal } from '../domain/refusal.js';
import type { TypedEvent } from '../events/codec.js';
import { conversationStream, type GenerationEvent, generationStream } from '../events/conversation-events.js';
import { TerminalError } from '../ports/errors.js';
import { eventsOf } from '../ports/event-log.js';
import type { Work } from '../ports/work.js';
import { mayBeStream, type ReaderParts, readLedger } from './conversation-reader.js';

/** The recorded parts of a prompt do not have the recorded hash: the record or a text has been changed. */
export class RecordDamaged extends TerminalError {}

export interface RunReaderParts extends ReaderParts {
  readonly work: Pick<Work, 'find'>;
}

export interface OwnedRun {
  readonly conversation: string;
  readonly owner: string | null;
}

/** The exact bytes of a request. */
export interface RequestBytes extends OwnedRun {
  readonly body: Buffer;
  readonly sha256: Buffer;
}

export interface RunPlaces extends OwnedRun {
  readonly ledger: string;
  readonly revisions: readonly number[];
  /** Null if no attempt was made. */
  readonly tape: { readonly stream: string; readonly seal: number } | null;
}

interface FoundRun {
  readonly conversation: string;
  readonly state: Conversation;
  readonly reply: Reply;
}

interface WholeTape {
  readonly tape: Tape;
  readonly events: readonly TypedEvent[];
}

/** Reads one generation from the log, for a caller that may read its conversation. */
export class RunReader {
  constructor(private readonly parts: RunReaderParts) {}

  async run(id: string, reader: Reader): Promise<Run> {
    const { conversation, state, reply } = await this.find(id, reader);
    const [ledger, { tape, events }] = await Promise.all([this.ledgerOf(conversation, reply), this.tapeOf(id)]);
    // Events that were appended after the state was read are left out.
    const read = ledger.filter(({ seen }) => seen <= state.seen);
    const facts = { conversation, state, reply, tape, events: inOrder(read, events) };
    return this.parts.heads.whenLoaded(conversationStream(conversation), () => runOf(facts));
  }

  /** Undefined if no prompt was assembled. */
  async request(id: string, reader: Reader): Promise<RequestBytes | undefined> {
    const { conversation, reply } = await this.find(id, reader);
    if (!reply.prompt) return undefined;
    // Read from the log and not from a cache: the answer proves what is recorded.
    const state = await readLedger(this.parts, conversation);
    const body = Buffer.from(bodyOf(state, reply.prompt), 'utf8');
    const sha256 = createHash('sha256').update(body).digest();
    const recorded = state.nodes.get(id);
    if (recorded?.kind !== 'reply' || sha256.toString('hex') !== recorded.prompt?.sha256) {
      throw new RecordDamaged(`the prompt of generation ${id} does not make the bytes that were hashed`);
    }
    return { body, sha256, ...ownedBy(conversation, state) };
  }

  async deltas(id: string, reader: Reader): Promise<OwnedRun & { readonly items: readonly DeltaView[] }> {
    const { conversation, state } = await this.find(id, reader);
    const { tape, events } = await this.tapeOf(id);
    const deltas = events.flatMap(({ type, data, at }) => (type === 'DeltaReceived' ? [{ ...data, at }] : []));
    return { items: deltasOf(tape.attempts.at(-1), deltas), ...ownedBy(conversation, state) };
  }

  /** Where the message, the events and the sealed tape of an ended run are in the log. Undefined before the end. */
  async places(id: string, reader: Reader): Promise<RunPlaces | undefined> {
    const { conversation, state, reply } = await this.find(id, reader);
    const [ledger, { tape, events }] = await Promise.all([this.ledgerOf(conversation, reply), this.tapeOf(id)]);
    if (reply.endSeen === null) return undefined;
    const seen = [state.nodes.place(reply.parent), ...ledger].flatMap((each) => each?.seen ?? []);
    const seal = events.find((event) => event.id === tape.seal?.event);
    return {
      ledger: conversationStream(conversation),
      revisions: [...new Set(seen)].map((each) => each - 1),
      tape: seal ? { stream: generationStream(id), seal: seal.revision } : null,
      ...ownedBy(conversation, state),
    };
  }

  /** A generation that the reader may not see is refused like one that does not exist. */
  private async find(id: string, reader: Reader): Promise<FoundRun> {
    const conversation = mayBeStream(generationStream(id)) ? await this.conversationOf(id) : undefined;
    if (conversation === undefined || !mayBeStream(conversationStream(conversation))) throw notFound();
    const stream = conversationStream(conversation);
    const { state } = await this.parts.heads.current(stream);
    const reply = await this.parts.heads.whenLoaded(stream, () => state.nodes.get(id));
    if (reply?.kind !== 'reply' || !mayRead(state, reader)) throw notFound();
    return { conversation, state, reply };
  }

  /** The conversation as the tape names it. A generation without a tape is looked up in the work table. */
  private async conversationOf(id: string): Promise<string | undefined> {
    for await (const { meta } of eventsOf(this.parts, generationStream(id), { eventsMax: 1 })) {
      if (meta.conversation !== undefined) return meta.conversation;
    }
    return (await this.parts.work.find(id))?.conversation;
  }

  private async ledgerOf(conversation: string, { id, seen, endSeen }: Reply): Promise<LedgerEntry[]> {
    const entries: LedgerEntry[] = [];
    const until = endSeen === null ? {} : { eventsMax: endSeen - seen + 1 };
    const stream = conversationStream(conversation);
    for await (const { type, data, at, revision } of eventsOf(this.parts, stream, { from: seen - 1, ...until })) {
      if ('generationId' in data && data.generationId === id) entries.push({ type, at, seen: revision + 1 });
    }
    return entries;
  }

  private async tapeOf(id: string): Promise<WholeTape> {
    const events: TypedEvent[] = [];
    let tape = generation.initial;
    for await (const event of eventsOf(this.parts, generationStream(id))) {
      events.push(event);
      tape = generation.evolve(tape, event as unknown as Recorded<GenerationEvent>);
    }
    return { tape, events };
  }
}

const ownedBy = (conversation: string, { owner }: Conversation): OwnedRun => ({
  conversation,
  owner: owner?.user ?? null,
});

const notFound = () => new Refusal('generation_not_found');
