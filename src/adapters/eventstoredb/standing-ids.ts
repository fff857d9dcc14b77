import type { NewEvent } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import type { StreamReads } from './stream-reads.js';

/** Where the ids of an append stand in its stream. `before` is the revision before the first, or -1. */
export type Place = { readonly is: 'absent' | 'in part' } | { readonly is: 'there'; readonly before: number };

/** The ids of a stream from its first event up to some revision; -1 is none. */
class Standing {
  readonly revisions = new Map<string, number>();
  end = -1;

  add(ids: readonly string[]): void {
    for (const id of ids) {
      this.end += 1;
      this.revisions.set(id, this.end);
    }
  }

  placeOf(events: readonly NewEvent[]): Place {
    const places = events.map(({ id }) => this.revisions.get(id));
    const [first] = places;
    if (first !== undefined && places.every((place, nth) => place === first + nth)) {
      return { is: 'there', before: first - 1 };
    }
    return { is: places.some((place) => place !== undefined) ? 'in part' : 'absent' };
  }
}

export type { Standing };

/**
 * What ids stand in a stream. The server looks for an id only where it would stand, so an id that stands further up would
 * be written twice: we have to know. Each stream is read once and then kept up with, as long as it is in use.
 */
export class StandingIds {
  /** The one that was used last is the last. */
  private readonly streams = new Map<string, Standing>();
  private count = 0;

  constructor(private readonly reads: Pick<StreamReads, 'serverEvents'>) {}

  /** Up to a revision at least, or to the present end. */
  async upTo(stream: string, revision: number | 'end'): Promise<Standing> {
    const standing = this.take(stream);
    for (let isLast = false; !isLast && (revision === 'end' || standing.end < revision); ) {
      const page = await this.reads.serverEvents(stream, 'forwards', standing.end + 1, limits.readPageEventsMax);
      isLast = page.isLast;
      if (page.events.length === 0) break;
      this.add(
        stream,
        standing,
        page.events.map(({ id }) => id),
      );
    }
    return standing;
  }

  /** What was appended just now, behind the revision that was expected. */
  learn(stream: string, before: number, events: readonly NewEvent[]): void {
    const standing = this.take(stream);
    if (standing.end !== before) return;
    this.add(
      stream,
      standing,
      events.map(({ id }) => id),
    );
  }

  private take(stream: string): Standing {
    const standing = this.streams.get(stream) ?? new Standing();
    this.streams.delete(stream);
    if (standing.end >= 0) this.streams.set(stream, standing);
    return standing;
  }

  private add(stream: string, standing: Standing, ids: readonly string[]): void {
    standing.add(ids);
    if (!this.streams.has(stream)) this.count += standing.end + 1 - ids.length;
    this.streams.set(stream, standing);
    this.count += ids.length;
    for (const [other, { end }] of this.streams) {
      if (this.count <= limits.knownIdsMax || other === stream) return;
      this.streams.delete(other);
      this.count -= end + 1;
    }
  }
}
