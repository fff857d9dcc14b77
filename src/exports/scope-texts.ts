import type { RecordedEvent } from '../events/envelope.js';
import { EventMissing } from '../ports/errors.js';
import type { EventLog } from '../ports/event-log.js';
import type { ChainedEntry } from './scope-entries.js';

type ReadableLog = Pick<EventLog, 'readStream'>;
type Pages = AsyncIterator<readonly RecordedEvent[]>;

/** Tapes that are begun while another one is written: a page of each has at most 8 MB. */
const TAPES_AHEAD = 3;

/** The events of entries in their order, in pages: of a tape all events up to its seal. */
export async function* scopeTexts(
  log: ReadableLog,
  pages: AsyncIterable<readonly ChainedEntry[]>,
): AsyncGenerator<readonly RecordedEvent[]> {
  const streams = new StreamsOfChain(log);
  try {
    for await (const page of pages) {
      const tapes = new TapesAhead(log, page.filter(isTape));
      try {
        for (const entry of page) {
          if (isTape(entry)) yield* tapes.next(entry);
          else yield [await streams.event(entry)];
        }
      } finally {
        await tapes.close();
      }
    }
  } finally {
    await streams.close();
  }
}

const isTape = ({ kind }: ChainedEntry): boolean => kind === 'tape';

/** The streams of one chain, each read forwards once, as far as its entries ask. */
class StreamsOfChain {
  private chain: string | undefined;
  private readonly open = new Map<string, { readonly pages: Pages; page: readonly RecordedEvent[] }>();

  constructor(private readonly log: ReadableLog) {}

  async event({ chain, stream, revision }: ChainedEntry): Promise<RecordedEvent> {
    if (chain !== this.chain) await this.close();
    this.chain = chain;
    const read = this.open.get(stream) ?? {
      pages: this.log.readStream(stream, { from: revision })[Symbol.asyncIterator](),
      page: [],
    };
    this.open.set(stream, read);
    while (read.page.length === 0 || (read.page.at(-1) as RecordedEvent).revision < revision) {
      const { value, done } = await read.pages.next();
      if (done) throw new EventMissing(stream, revision);
      read.page = value;
    }
    const event = read.page[revision - (read.page[0] as RecordedEvent).revision];
    if (event?.revision !== revision) throw new EventMissing(stream, revision);
    return event;
  }

  async close(): Promise<void> {
    for (const { pages } of this.open.values()) await pages.return?.();
    this.open.clear();
  }
}

/** Reads the first pages of the next tapes while an earlier one is written: a tape is a round trip, and most are short. */
class TapesAhead {
  private readonly begun = new Map<
    ChainedEntry,
    { readonly pages: Pages; readonly first: ReturnType<Pages['next']> }
  >();
  private reached = 0;

  constructor(
    private readonly log: ReadableLog,
    private readonly tapes: readonly ChainedEntry[],
  ) {}

  async *next(entry: ChainedEntry): AsyncGenerator<readonly RecordedEvent[]> {
    const place = this.tapes.indexOf(entry, Math.max(0, this.reached - TAPES_AHEAD - 1));
    while (this.reached <= place + TAPES_AHEAD && this.reached < this.tapes.length) {
      this.begin(this.tapes[this.reached++] as ChainedEntry);
    }
    const { pages, first } = this.begun.get(entry) as { pages: Pages; first: ReturnType<Pages['next']> };
    let revision = 0;
    for (let read = await first; !read.done; read = await pages.next()) {
      for (const event of read.value) if (event.revision !== revision++) throw new EventMissing(entry.stream, revision);
      yield read.value;
    }
    this.begun.delete(entry);
    if (revision !== entry.revision + 1) throw new EventMissing(entry.stream, revision);
  }

  async close(): Promise<void> {
    for (const { pages, first } of this.begun.values()) {
      await first.catch(() => {});
      await pages.return?.();
    }
  }

  private begin(entry: ChainedEntry): void {
    const { stream, revision } = entry;
    const pages = this.log.readStream(stream, { eventsMax: revision + 1 })[Symbol.asyncIterator]();
    const first = pages.next();
    // It is awaited later. A failure until then must not end the process.
    first.catch(() => {});
    this.begun.set(entry, { pages, first });
  }
}
