import { setMaxListeners } from 'node:events';
import { BackgroundPart } from '../background/background-part.js';
import type { Codec, TypedEvent } from '../events/codec.js';
import type { Position, RecordedEvent } from '../events/envelope.js';
import { INCARNATIONS, LOG_CATEGORY } from '../events/log-events.js';
import { limits } from '../limits.js';
import type { BackgroundHealth } from '../ports/background-health.js';
import type { Clock } from '../ports/clock.js';
import type { EventLog } from '../ports/event-log.js';

/** Meta is JSON: an unescaped quote stands only where a name or a value begins or ends. */
const conversationIn = (meta: string): string => /"conversation":"([^"\\]*)"/.exec(meta)?.[1] ?? '';

const LEDGER = 'conversation-';
const CATEGORIES = ['conversation', 'generation', LOG_CATEGORY];

/** Hears of every event of a conversation that is committed from now on, in the order of commits. */
export type Listener = (event: TypedEvent) => void;

/** The same for some types of events of a tenant. */
export interface TenantListener {
  readonly hear: Listener;
  /** An event of these types has a version that this process does not know. */
  readonly miss: (event: RecordedEvent) => void;
}

export interface LiveEventsParts {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly health: BackgroundHealth;
  /** One event that cannot be read must not end every feed; whoever reads its conversation will run into it. */
  readonly onDamage: (error: unknown) => void;
}

/**
 * One subscription to the log for all feeds of a process. Whoever listens before reading the history misses nothing:
 * what was told to others before is in the history by then.
 */
export class LiveEvents {
  private readonly listeners = new Map<string, Set<Listener>>();
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

  /** Answers with how to stop listening. */
  listen(conversation: string, listener: Listener): () => void {
    return added(this.listeners, conversation, listener);
  }

  /** The same for events of some types in all conversations of a tenant. */
  listenToTenant(tenant: string, types: readonly string[], listener: TenantListener): () => void {
    const leaves = types.map((type) => added(this.ofTenants, `${tenant}/${type}`, listener));
    return () => {
      for (const leave of leaves) leave();
    };
  }

  /** A subscription that fails is begun again behind the last page, so listeners miss nothing. */
  private async follow(from: Position): Promise<void> {
    const { log, clock } = this.parts;
    const { signal } = this.stopping;
    let position = from;
    const subscribed = async () => {
      for await (const page of log.subscribe(position, signal, { categories: CATEGORIES })) {
        this.background.recovered();
        for (const recorded of page.events) {
          if (recorded.stream === INCARNATIONS) log.continuity.supersede(recorded.id);
          else if (this.listeners.size > 0 || this.ofTenants.size > 0) this.tell(recorded);
        }
        position = page.position;
      }
    };
    while (!signal.aborted) {
      const pauseMs = await this.background.attempt(subscribed);
      await clock.sleep(Math.max(limits.reconnectBackoffMs.most, pauseMs), signal);
    }
  }

  /** Most events concern no listener of this process: those are not decoded. */
  private tell(recorded: RecordedEvent): void {
    const ofConversation = this.listeners.get(conversationOf(recorded));
    const ofTenant = this.ofTenants.get(`${recorded.tenant}/${recorded.type}`);
    if (!ofConversation && !ofTenant) return;
    try {
      const event = this.parts.codec.decode(recorded);
      // A feed of a conversation finds the gap at the next event.
      if (event) for (const listener of ofConversation ?? []) listener(event);
      for (const { hear, miss } of ofTenant ?? []) event ? hear(event) : miss(recorded);
    } catch (error) {
      this.parts.onDamage(error);
    }
  }
}

function added<L>(sets: Map<string, Set<L>>, key: string, listener: L): () => void {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set.add(listener));
  return () => {
    set.delete(listener);
    if (set.size === 0 && sets.get(key) === set) sets.delete(key);
  };
}

function conversationOf({ stream, meta }: RecordedEvent): string {
  return stream.startsWith(LEDGER) ? stream.slice(LEDGER.length) : conversationIn(meta);
}
