import { EventEmitter } from 'node:events';

export interface ProposedEvent {
  readonly id: string;
  /** Its type and its content type among them, as the protocol has it. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly data: Uint8Array;
  readonly customMetadata: Uint8Array;
}

export interface StoredEvent extends ProposedEvent {
  readonly stream: string;
  readonly revision: number;
  /** Where its record begins in the log, in bytes: so there are gaps. Commit and prepare are the same since 20.6. */
  readonly position: bigint;
  /** In ticks of 100 nanoseconds. */
  readonly created: bigint;
}

export type Expected = 'no-stream' | 'stream-exists' | 'any' | bigint;

export type Judgement =
  | { readonly is: 'written' | 'repeated'; readonly last: StoredEvent }
  | { readonly is: 'wrong-version'; readonly current: number };

const RECORD_OVERHEAD_BYTES = 100;
/** The cache by which a server knows what was appended with "any" is small, and empty after a restart. */
const RECENT_IDS_MAX = 1_000;

/**
 * What a server holds, and how it judges an append. This is our reading of the server's source (23.10): with an exact
 * expectation it looks at the log itself, where the events would stand; an id that stands anywhere else is nothing to it.
 */
export class StoredEvents {
  readonly all: StoredEvent[] = [];
  private readonly streams = new Map<string, StoredEvent[]>();
  private readonly recentIds = new Map<string, StoredEvent>();
  private readonly appended = new EventEmitter().setMaxListeners(0);
  private end = 0n;

  stream(name: string): readonly StoredEvent[] | undefined {
    return this.streams.get(name);
  }

  append(stream: string, expected: Expected, events: readonly ProposedEvent[]): Judgement {
    const standing = this.streams.get(stream) ?? [];
    const current = standing.length - 1;
    const repeated = expected === 'any' ? this.amongRecent(stream, events) : repeats(standing, expected, events);
    if (repeated) return { is: 'repeated', last: repeated };
    if (!holds(expected, current)) return { is: 'wrong-version', current };
    return { is: 'written', last: this.write(stream, standing, events) };
  }

  /** The place in `all` of the first event at or after a position. */
  firstFrom(position: bigint): number {
    let low = 0;
    let high = this.all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.all[middle] as StoredEvent).position >= position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Everything that was written from here on is gone, as with files that were put back; new events take its place. */
  goBackTo(count: number): void {
    const [first] = this.all.splice(count);
    if (!first) return;
    this.end = first.position;
    for (const [name, events] of this.streams) {
      const kept = events.filter(({ position }) => position < this.end);
      if (kept.length > 0) this.streams.set(name, kept);
      else this.streams.delete(name);
    }
    this.recentIds.clear();
  }

  /** Whether a read can begin there: a server refuses a place within a record. */
  isBoundary(position: bigint): boolean {
    return position >= this.end || this.all[this.firstFrom(position)]?.position === position;
  }

  onAppended(listener: () => void): () => void {
    this.appended.on('appended', listener);
    return () => this.appended.off('appended', listener);
  }

  private amongRecent(stream: string, events: readonly ProposedEvent[]): StoredEvent | undefined {
    const known = events.map(({ id }) => this.recentIds.get(id));
    return known.every((event) => event?.stream === stream) ? known.at(-1) : undefined;
  }

  private write(stream: string, standing: StoredEvent[], events: readonly ProposedEvent[]): StoredEvent {
    this.streams.set(stream, standing);
    const created = BigInt(Date.now()) * 10_000n;
    for (const event of events) {
      const stored = { ...event, stream, revision: standing.length, position: this.end, created };
      this.end += BigInt(RECORD_OVERHEAD_BYTES + event.data.length + event.customMetadata.length);
      standing.push(stored);
      this.all.push(stored);
      this.remember(stored);
    }
    this.appended.emit('appended');
    return standing.at(-1) as StoredEvent;
  }

  private remember(event: StoredEvent): void {
    this.recentIds.set(event.id, event);
    if (this.recentIds.size <= RECENT_IDS_MAX) return;
    for (const oldest of this.recentIds.keys()) return void this.recentIds.delete(oldest);
  }
}

/** The last of them, when each stands where it would stand. Some of them standing there is a wrong version. */
function repeats(
  standing: readonly StoredEvent[],
  expected: Exclude<Expected, 'any'>,
  events: readonly ProposedEvent[],
): StoredEvent | undefined {
  if (expected === 'stream-exists') return undefined;
  const first = expected === 'no-stream' ? 0 : Number(expected) + 1;
  const isThere = events.every(({ id }, nth) => standing[first + nth]?.id === id);
  return isThere ? standing[first + events.length - 1] : undefined;
}

function holds(expected: Expected, current: number): boolean {
  if (expected === 'any') return true;
  if (expected === 'no-stream') return current < 0;
  if (expected === 'stream-exists') return current >= 0;
  return expected === BigInt(current);
}
