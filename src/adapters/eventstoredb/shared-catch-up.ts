import { untilAborted } from '../../background/deadline.js';
import { type Position, START } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import type { Page } from '../../ports/event-log.js';

/** A page of a reader that is far behind, and the position up to which the server has searched. */
export interface CatchUpPage extends Page {
  readonly reached: Position;
}

type Begin = (stopped: AbortSignal) => AsyncIterable<CatchUpPage>;

/** Shares one reading among followers that are about equally far behind and have the same filter. */
export class CatchUps {
  private readonly all = new Set<CatchUp>();

  /** Pages after a position, from a reading that still keeps them, or from a new one. */
  async *follow(after: Position, filter: string, begin: Begin, ended: AbortSignal): AsyncIterable<CatchUpPage> {
    const joined = [...this.all].find((each) => each.filter === filter && each.covers(after));
    const reading = joined ?? new CatchUp(filter, after, begin);
    this.all.add(reading);
    try {
      yield* reading.pages(after, ended);
    } finally {
      if (reading.isLeft) this.all.delete(reading);
    }
  }
}

interface CatchUpMember {
  /** The number of the page that it takes next. */
  next: number;
  isExpelled: boolean;
}

/**
 * One reading for several members. The first member that needs a new page reads it, and all others find it here. It waits for
 * members that are far behind, and expels a member for which it has waited too long.
 */
class CatchUp {
  private readonly members = new Set<CatchUpMember>();
  private kept: CatchUpPage[] = [];
  private keptEvents = 0;
  private keptCharacters = 0;
  private dropped = 0;
  private to: Position;
  private isDone = false;
  private asking: Promise<void> | undefined;
  /** Notified when a member has taken a page or left. */
  private advanced = (): void => {};
  private readonly stopping = new AbortController();
  private readonly source: AsyncIterator<CatchUpPage>;

  constructor(
    readonly filter: string,
    private from: Position,
    begin: Begin,
  ) {
    this.to = from;
    this.source = begin(this.stopping.signal)[Symbol.asyncIterator]();
  }

  covers(position: Position): boolean {
    return !this.isDone && position >= this.from && position <= this.to;
  }

  get isLeft(): boolean {
    return this.members.size === 0;
  }

  async *pages(after: Position, ended: AbortSignal): AsyncIterable<CatchUpPage> {
    const member: CatchUpMember = { next: this.dropped, isExpelled: false };
    this.members.add(member);
    try {
      while (!ended.aborted && !member.isExpelled) {
        const page = this.kept[member.next - this.dropped];
        if (page) {
          member.next += 1;
          this.advanced();
          // If no event passed the filter, only the server's position moves.
          if (page.reached > after || page.position > after) yield beyond(after, page);
        } else if (this.isDone) return;
        // A member that leaves does not wait for a page that others read.
        else await untilAborted(this.ask(), ended);
      }
    } finally {
      this.members.delete(member);
      this.advanced();
      if (this.members.size === 0) await this.stop();
    }
  }

  private ask(): Promise<void> {
    this.asking ??= this.readOn().finally(() => {
      this.asking = undefined;
    });
    return this.asking;
  }

  private async readOn(): Promise<void> {
    try {
      await this.makeRoom();
      const { done, value } = await this.source.next();
      if (done) this.isDone = true;
      else this.keep(value);
    } catch (error) {
      this.isDone = true;
      throw error;
    }
  }

  private async makeRoom(): Promise<void> {
    while (this.isFull() && !this.dropOldest()) {
      const isLate = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(true), limits.catchUpPatienceMs);
        this.advanced = () => {
          clearTimeout(timer);
          resolve(false);
        };
      });
      if (isLate) this.expelLast();
    }
  }

  private isFull(): boolean {
    return this.keptEvents > limits.catchUpKeptEventsMax || this.keptCharacters > limits.catchUpKeptCharactersMax;
  }

  /** False if a member has not taken the page. */
  private dropOldest(): boolean {
    const [oldest] = this.kept;
    if (!oldest || [...this.members].some(({ next }) => next === this.dropped)) return false;
    this.kept.shift();
    this.dropped += 1;
    this.keptEvents -= oldest.events.length;
    this.keptCharacters -= charactersOf(oldest);
    this.from = oldest.position;
    return true;
  }

  private expelLast(): void {
    for (const member of this.members) {
      if (member.next !== this.dropped) continue;
      member.isExpelled = true;
      this.members.delete(member);
    }
  }

  private keep(page: CatchUpPage): void {
    this.kept.push(page);
    this.keptEvents += page.events.length;
    this.keptCharacters += charactersOf(page);
    this.to = page.position;
  }

  private async stop(): Promise<void> {
    this.isDone = true;
    this.stopping.abort();
    await this.source.return?.();
  }
}

function beyond(after: Position, page: CatchUpPage): CatchUpPage {
  const isNew = ({ position = START }: Page['events'][number]) => position > after;
  return { ...page, events: page.events.filter(isNew) };
}

const charactersOf = ({ events }: Page): number =>
  events.reduce((sum, { data, meta }) => sum + data.length + meta.length, 0);
