import { randomUUID } from 'node:crypto';
import { once, setMaxListeners } from 'node:events';
import { type NewEvent, type Position, type RecordedEvent, START } from '../../../src/events/envelope.js';
import { limits } from '../../../src/limits.js';
import { Continuity } from '../../../src/ports/continuity.js';
import type {
  AllStreamsFilter,
  AppendOptions,
  AppendOutcome,
  Backlog,
  CommandPlace,
  EventLog,
  ExpectedRevision,
  LivePage,
  Page,
  ReadStreamOptions,
} from '../../../src/ports/event-log.js';
import { checkAppend, checkReadStream, InvalidAppend, passes } from '../../../src/ports/log-rules.js';

/**
 * How positions look: counted without a gap as on Postgres, or sparse pairs as on EventStoreDB, which also counts no
 * backlog.
 */
export type PositionShape = 'gapless' | 'sparse';

const GAPLESS = /^(\d{1,19})(\/[0-9a-f-]{36})?$/;
const SPARSE = /^(\d{1,19}\/\d{1,19})(\/[0-9a-f-]{36})?$/;

type Stored = RecordedEvent & { readonly position: Position };

/** A log in the memory of one process, for tests of everything that needs a log. */
export class MemoryEventLog implements EventLog {
  readonly continuity = new Continuity();
  private readonly all: Stored[] = [];
  private readonly streams = new Map<string, Stored[]>();
  private readonly commands = new Map<string, CommandPlace>();
  private readonly wakeUps = new EventTarget();
  private readonly name = randomUUID();
  private lastCommit = 0;

  constructor(private readonly shape: PositionShape = 'gapless') {
    setMaxListeners(0, this.wakeUps);
  }

  async append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
    { command }: AppendOptions = {},
  ): Promise<AppendOutcome> {
    checkAppend(stream, expected, events, { command });
    if (this.continuity.isBroken) return { outcome: 'unavailable', maybeWritten: false };
    for (const event of events) requireJson(stream, event);
    const recorded = this.streams.get(stream) ?? [];
    const next = expected === 'none' ? 0 : expected + 1;
    const own = recorded.slice(next, next + events.length);
    const last = own.at(-1);
    if (last && events.every(({ id }, nth) => own[nth]?.id === id)) {
      return { outcome: 'already-there', revision: last.revision, position: last.position };
    }
    const known = command === undefined ? undefined : this.commands.get(command);
    if (known) return { outcome: 'command-known', ...known };
    if (recorded.length !== next) return { outcome: 'conflict', revision: recorded.at(-1)?.revision ?? 'none' };
    if (command !== undefined) this.commands.set(command, { stream, revision: next });
    const { revision, position } = this.write(stream, recorded, events);
    return { outcome: 'appended', revision, position };
  }

  async findCommand(command: string): Promise<CommandPlace | undefined> {
    return this.commands.get(command);
  }

  async *readStream(stream: string, options: ReadStreamOptions = {}): AsyncIterable<readonly RecordedEvent[]> {
    checkReadStream(stream, options);
    const { direction = 'forwards', eventsMax = Number.POSITIVE_INFINITY } = options;
    const standing = this.streams.get(stream) ?? [];
    const from = options.from ?? (direction === 'forwards' ? 0 : standing.length - 1);
    const chosen = direction === 'forwards' ? standing.slice(from) : standing.slice(0, from + 1).reverse();
    const events = chosen.slice(0, eventsMax).map(({ position: _, ...event }) => event);
    for (let at = 0; at < events.length; at += limits.readPageEventsMax) {
      yield events.slice(at, at + limits.readPageEventsMax);
    }
  }

  async *readAll(after: Position, filter?: AllStreamsFilter): AsyncIterable<Page> {
    for (let position = after; this.firstAfter(position) < this.all.length; ) {
      const page = this.pageAfter(position, filter);
      yield page;
      position = page.position;
    }
  }

  async *subscribe(after: Position, signal: AbortSignal, filter?: AllStreamsFilter): AsyncIterable<LivePage> {
    let position = after;
    let told = false;
    if (!(await this.holds(after)))
      this.continuity.breakOff(`the log in memory does not hold ${after}`, { position: after });
    while (!signal.aborted) {
      if (this.continuity.isBroken || (told && position >= this.last())) {
        await once(this.wakeUps, 'commit', { signal }).catch(endOnly(signal));
        continue;
      }
      const page = this.pageAfter(position, filter);
      position = page.position;
      told = true;
      yield { ...page, live: position >= this.last() };
    }
  }

  async head(): Promise<Position> {
    return this.last();
  }

  parsePosition(text: string): Position | undefined {
    const shape = this.shape === 'gapless' ? GAPLESS : SPARSE;
    const [, place, id = ''] = shape.exec(text) ?? [];
    return place === undefined ? undefined : ((place.replace(/\d+/g, digits) + id) as Position);
  }

  async backlog(after: Position, countMax: number, filter?: AllStreamsFilter): Promise<Backlog> {
    const later = this.all.slice(this.firstAfter(after));
    const waiting = later.slice(0, countMax).filter((event) => passes(event, filter));
    const distance = commitOf(this.last()) - Math.min(commitOf(after), commitOf(this.last()));
    if (this.shape === 'sparse') return { events: null, distance, oldestAt: later[0]?.at, estimated: distance > 0 };
    const estimated = later.length > countMax;
    const oldest = waiting[0] ?? (estimated ? later[0] : undefined);
    return { events: waiting.length, distance, oldestAt: oldest?.at, estimated };
  }

  async holds(position: Position): Promise<boolean> {
    if (position === START) return true;
    const there = this.all[this.firstAfter(position) - 1]?.position;
    return there === position || (there !== undefined && this.placeOf(there) === position);
  }

  async identity(): Promise<string> {
    return this.name;
  }

  knownIdentity(): Promise<string> {
    return this.identity();
  }

  async close(): Promise<void> {}

  private write(stream: string, recorded: Stored[], events: readonly NewEvent[]): Stored {
    this.streams.set(stream, recorded);
    for (const event of events) {
      const stored = { ...event, stream, revision: recorded.length, position: this.nextPosition(event) };
      recorded.push(stored);
      this.all.push(stored);
    }
    this.wakeUps.dispatchEvent(new Event('commit'));
    return recorded[recorded.length - 1] as Stored;
  }

  private nextPosition(event: NewEvent): Position {
    if (this.shape === 'gapless') {
      this.lastCommit += 1;
      return `${digits(this.lastCommit)}/${event.id}` as Position;
    }
    this.lastCommit += 100 + event.data.length;
    return `${digits(this.lastCommit)}/${digits(this.lastCommit - 7)}/${event.id}` as Position;
  }

  private last(): Position {
    return this.all.at(-1)?.position ?? START;
  }

  private pageAfter(after: Position, filter?: AllStreamsFilter): Page {
    const from = this.firstAfter(after);
    const window = this.all.slice(from, from + limits.readPageEventsMax);
    const position = window.at(-1)?.position ?? after;
    return { events: window.filter((event) => passes(event, filter)), position };
  }

  /** Without the id of the event. */
  private placeOf(position: Position): string {
    return position.slice(0, this.shape === 'gapless' ? DIGITS : 2 * DIGITS + 1);
  }

  private firstAfter(position: Position): number {
    const place = this.placeOf(position);
    let low = 0;
    let high = this.all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.placeOf((this.all[middle] as Stored).position) > place) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

const DIGITS = 19;
const commitOf = (position: Position): number => Number(position.split('/')[0]);

function digits(value: number | string): string {
  return String(value).padStart(DIGITS, '0');
}

function requireJson(stream: string, { id, data, meta }: NewEvent): void {
  try {
    JSON.parse(data);
    JSON.parse(meta);
  } catch {
    throw new InvalidAppend('not-json', `append to ${stream}: event ${id} is not JSON`);
  }
}

/** An aborted wait is how a subscription ends; anything else is an error. */
function endOnly(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error;
  };
}
