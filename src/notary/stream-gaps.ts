import type { RecordedEvent } from '../events/envelope.js';
import { isDelta, isOfTape } from '../formats/record-1/tape.js';
import { EventMissing } from '../ports/errors.js';
import type { EventLog } from '../ports/event-log.js';
import { lackText } from './across-gaps.js';

/** What the record knows before the events. */
interface KnownStreams {
  isStopped(tenant: string): boolean;
  /** Of the last entry. Undefined if the stream has none. */
  lastRevision(tenant: string, stream: string): number | undefined;
}

/**
 * The events that do not follow the ones before them in their stream, with the reason why the record stops there. Tapes are
 * compared at their seal.
 */
export async function streamGaps(
  events: readonly RecordedEvent[],
  known: KnownStreams,
  log: Pick<EventLog, 'readStream'>,
): Promise<ReadonlyMap<RecordedEvent, string>> {
  const gaps = new Map<RecordedEvent, string>();
  const nextOf = new Map<string, number>();
  for (const event of events) {
    const { tenant, stream, revision } = event;
    if (isOfTape(event) || known.isStopped(tenant)) continue;
    const key = `${tenant} ${stream}`;
    // A stray delta has no entry, so its stream may not be loaded.
    if (isDelta(event) && !nextOf.has(key)) continue;
    const next = nextOf.get(key) ?? (known.lastRevision(tenant, stream) ?? -1) + 1;
    nextOf.set(key, revision + 1);
    const gap = revision === next ? undefined : await gapBefore(event, next, log);
    if (gap !== undefined) gaps.set(event, gap);
  }
  return gaps;
}

async function gapBefore(
  { tenant, stream, revision }: RecordedEvent,
  next: number,
  log: Pick<EventLog, 'readStream'>,
): Promise<string | undefined> {
  if (revision < next) return `the log has a second event ${revision} of ${stream}`;
  const missing = await firstMissing({ tenant, stream }, next, revision, log);
  return missing < revision ? lackText({ stream, revision: missing }) : undefined;
}

/** The log is asked, because a delta that is on no tape has no entry, although it has a revision. */
async function firstMissing(
  { tenant, stream }: Pick<RecordedEvent, 'tenant' | 'stream'>,
  from: number,
  end: number,
  log: Pick<EventLog, 'readStream'>,
): Promise<number> {
  let next = from;
  try {
    for await (const page of log.readStream(stream, { from, eventsMax: end - from })) {
      for (const event of page) {
        if (event.revision !== next || event.tenant !== tenant || !isDelta(event)) return next;
        next++;
      }
    }
    return next;
  } catch (error) {
    if (!(error instanceof EventMissing)) throw error;
    return error.revision;
  }
}
