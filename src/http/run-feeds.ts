import type { FastifyReply } from 'fastify';
import type { Principal } from '../auth/principal.js';
import type { Shown } from '../projections/queries/shown.js';
import type { FeedSource } from '../sse/feed-source.js';
import { InvalidCursor } from './cursor-parameter.js';
import type { FeedPlaces } from './feed-places.js';
import type { OpenStreams } from './open-streams.js';
import { pour } from './pour.js';

type Place = Parameters<ReturnType<FeedSource['runs']>['from']>[0];

/** What a log calls its places, whichever engine it is: digits, and marks between them. */
const PLACE = /^[0-9][0-9/:-]{0,99}$/;

export function placeIn(path: string, text: string | undefined): Place | undefined {
  if (text === undefined) return undefined;
  if (!PLACE.test(text)) throw new InvalidCursor(path);
  return text as Place;
}

/** Runs as they start and end, for whoever may read them. */
export class RunFeeds {
  constructor(
    private readonly parts: {
      readonly source: FeedSource;
      readonly streams: OpenStreams;
      readonly places: FeedPlaces;
      readonly shown: Pick<Shown, 'note'>;
    },
  ) {}

  async serve(reply: FastifyReply, principal: Principal, after: Place | undefined): Promise<void> {
    const leave = this.parts.places.enter(principal);
    try {
      // Nothing is heard before there is a stream to tell of it.
      const waiting = { tell: (_: number): void => {} };
      const feed = this.parts.source.runs(principal, {
        waiting: (bytes) => waiting.tell(bytes),
        told: (conversation, place) => this.parts.shown.note(principal, conversation, place),
      });
      const from = await feed.begin(after);
      const stream = this.parts.streams.open(reply, principal);
      waiting.tell = (bytes) => stream.awaits(bytes);
      await pour(stream, feed.from(from, stream.over));
    } finally {
      leave();
    }
  }
}
