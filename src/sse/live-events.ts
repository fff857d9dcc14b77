import { setMaxListeners } from 'node:events';
import { BackgroundPart } from '../background/background-part.js';
import { INCARNATIONS, LOG_CATEGORY } from '../events/catalogue.js';
import { type Codec, type Decoded, type TypedEvent, UndecodableEvent } from '../events/codec.js';
import { generationStream } from '../events/conversation-events.js';
import type { Position, RecordedEvent } from '../events/envelope.js';
import { limits } from '../limits.js';
import type { BackgroundHealth } from '../ports/background-health.js';
import type { Clock } from '../ports/clock.js';
import type { EventLog } from '../ports/event-log.js';

/** Meta is JSON, where an unescaped quote occurs only around a name or a value. */
const conversationIn = (meta: string): string => /"conversation":"([^"\\]*)"/.exec(meta)?.[1] ?? '';

const LEDGER = 'conversation-';
const CATEGORIES = ['conversation', 'generation', LOG_CATEGORY];

/** Receives every event of a conversation that is committed from now on, in the order of commits. */
export type Listener = (event: TypedEvent) => void;

/** Receives events of some types of a whole tenant. */
export interface TenantListener {
  readonly receive: Listener;
  /** Receives an event of these types in a version that this process does not know. */
  readonly miss: (event: RecordedEvent) => void;
}

export interface LiveEventsParts {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly health: BackgroundHealth;
  /** Receives the error of an event that cannot be decoded. It ends only the feeds that read this event. */
  readonly onDamage: (error: unknown) => void;
}

interface Listened {
  readonly listeners: Set<Listener>;
  /** By stream, the last revision that was delivered. */
  readonly delivered: Map<string, number>;
}

/**
 * One subscription to the log for all feeds of a process. Events of this process are published at their commit, and are
 * not decoded again when the subscription brings them. A feed that listens before it reads the history misses nothing:
 * events that were delivered earlier are in the history.
 */
export class LiveEvents {
  private readonly conversations = new Map<string, Listened>();
  /** By tenant and type. */
  private readonly ofTenants = new Map<string, Set<TenantListener>>();
  private readonly stopping = new AbortController();
  private readonly background: BackgroundPart;
  private following: Promise<void> | undefined;

  constructor(private readonly parts: LiveEventsParts) {
    setMaxListeners(0, this.stopping.signal);
    this.background = new BackgroundPart('live events', parts.health);
  }

  async start(): Promise<void> {
    this.following = this.follow(await this.parts.log.head());
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.following;
  }

  /** Returns a function that stops listening. */
  listen(conversation: string, listener: Listener): () => void {
    const listened = this.conversations.get(conversation) ?? { listeners: new Set(), delivered: new Map() };
    this.conversations.set(conversation, listened);
    listened.listeners.add(listener);
    return () => {
      listened.listeners.delete(listener);
      if (listened.listeners.size === 0 && this.conversations.get(conversation) === listened)
        this.conversations.delete(conversation);
    };
  }

  /**
   * Delivers events that this process has just committed in one stream. If an earlier event of another process may be
   * missing, it delivers none: the subscription then delivers both in order.
   */
  publish(conversation: string, events: readonly TypedEvent[]): void {
    const listened = this.conversations.get(conversation);
    const [first] = events;
    if (!listened || !first) return;
    if (first.revision !== (listened.delivered.get(first.stream) ?? -1) + 1) return;
    for (const event of events) this.deliver(listened, event);
  }

  /** Listens to events of some types in all conversations of a tenant. */
  listenToTenant(tenant: string, types: readonly string[], listener: TenantListener): () => void {
    const leaves = types.map((type) => added(this.ofTenants, `${tenant}/${type}`, listener));
    return () => {
      for (const leave of leaves) leave();
    };
  }

  /** Restarts a failed subscription after its last page, so listeners miss nothing. */
  private async follow(from: Position): Promise<void> {
    const { log, clock } = this.parts;
    const { signal } = this.stopping;
    let position = from;
    const subscribed = async () => {
      for await (const page of log.subscribe(position, signal, { categories: CATEGORIES })) {
        this.background.recovered();
        for (const { stream, id } of page.events) if (stream === INCARNATIONS) log.continuity.supersede(id);
        await this.receive(page.events);
        position = page.position;
      }
    };
    while (!signal.aborted) {
      const pauseMs = await this.background.attempt(subscribed);
      await clock.sleep(Math.max(limits.reconnectBackoffMs.most, pauseMs), signal);
    }
  }

  /** Decodes only events that concern a listener and were not published by this process. */
  private async receive(events: readonly RecordedEvent[]): Promise<void> {
    if (this.conversations.size === 0 && this.ofTenants.size === 0) return;
    const wanted = events.filter((recorded) => this.awaiting(recorded) || this.ofTenants.has(tenantAndType(recorded)));
    if (wanted.length === 0) return;
    const decoded = await this.parts.codec.decode(wanted);
    for (const [nth, recorded] of wanted.entries()) this.pass(recorded, decoded[nth] as Decoded);
  }

  private pass(recorded: RecordedEvent, decoded: Decoded): void {
    if (decoded instanceof UndecodableEvent) {
      this.parts.onDamage(decoded);
      return;
    }
    // Checked again: this process may have published the event while it was decoded.
    const listened = this.awaiting(recorded);
    // A feed of a conversation finds the gap of an unknown event at the next event.
    if (listened && decoded !== 'unknown') this.deliver(listened, decoded);
    for (const { receive, miss } of this.ofTenants.get(tenantAndType(recorded)) ?? [])
      this.guarded(() => (decoded === 'unknown' ? miss(recorded) : receive(decoded)));
  }

  /** The listeners of its conversation, unless they have got the event. */
  private awaiting(recorded: RecordedEvent): Listened | undefined {
    const listened = this.conversations.get(conversationOf(recorded));
    return listened && recorded.revision > (listened.delivered.get(recorded.stream) ?? -1) ? listened : undefined;
  }

  private deliver({ listeners, delivered }: Listened, event: TypedEvent): void {
    delivered.set(event.stream, event.revision);
    if (event.type === 'PromptAssembled') forgetOtherTapes(delivered, event.stream, event.data.generationId);
    for (const listener of listeners) this.guarded(() => listener(event));
  }

  /** The failure of one listener does not affect the others. */
  private guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.parts.onDamage(error);
    }
  }
}

/** One generation is open at a time, so the tapes of all others have ended. */
function forgetOtherTapes(delivered: Map<string, number>, ledger: string, open: string): void {
  for (const stream of delivered.keys())
    if (stream !== ledger && stream !== generationStream(open)) delivered.delete(stream);
}

function added<L>(sets: Map<string, Set<L>>, key: string, listener: L): () => void {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set.add(listener));
  return () => {
    set.delete(listener);
    if (set.size === 0 && sets.get(key) === set) sets.delete(key);
  };
}

const tenantAndType = ({ tenant, type }: RecordedEvent): string => `${tenant}/${type}`;

function conversationOf({ stream, meta }: RecordedEvent): string {
  return stream.startsWith(LEDGER) ? stream.slice(LEDGER.length) : conversationIn(meta);
}
