import type { Position } from '../events/envelope.js';
import { EventsMissing } from '../ports/errors.js';
import type { EventLog, LackedEvent, LivePage, Page } from '../ports/event-log.js';

export interface PageBehindGap extends LivePage {
  /** Events that the log lacks right before those of this page. */
  readonly lacked: readonly LackedEvent[];
}

/**
 * Reads on behind events that the log lacks, where it knows their streams: the record stops for their tenants, and for no other.
 * Throws EventsMissing where it does not know them.
 */
export async function* acrossGaps(
  log: Pick<EventLog, 'gapAfter'>,
  from: Position,
  read: (after: Position) => AsyncIterable<Page | LivePage>,
): AsyncGenerator<PageBehindGap> {
  for (let at = from; ; ) {
    try {
      for await (const page of read(at)) {
        yield { live: false, ...page, lacked: [] };
        at = page.position;
      }
      return;
    } catch (error) {
      if (!(error instanceof EventsMissing)) throw error;
      const gap = await log.gapAfter?.(at);
      if (!gap) throw error;
      const { before, lacked, next } = gap;
      yield { events: before, position: before.at(-1)?.position ?? at, live: false, lacked: [] };
      yield { events: [next], position: next.position, live: false, lacked };
      at = next.position;
    }
  }
}

export const lackText = ({ stream, revision }: Pick<LackedEvent, 'stream' | 'revision'>): string =>
  `the log lacks event ${revision} of ${stream}`;
