import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { FeedRecord, Shown } from './turn-journal.js';
import { until } from './until.js';

/** Where clients ask, and how they say who they are. Without an address nothing can be asked for the moment. */
export interface Service {
  readonly key: string;
  readonly over: AbortSignal;
  address(purpose: 'command' | 'feed'): string | undefined;
  /** Learns of every request that came to nothing. */
  readonly onFailure?: (failure: Failure) => void;
}

/** A request without an answer, or with one that says to come again. */
export type Failure =
  | { readonly is: 'broken'; readonly error: unknown }
  | { readonly is: 'put off'; readonly status: number; readonly retryAfter: string | undefined };

/** Follows a conversation through whatever happens to the server, and writes down everything that it is shown. */
export async function follow(service: Service, record: FeedRecord, leaving: AbortSignal, eventsMax: number) {
  for (let tries = 0; !leaving.aborted && !service.over.aborted; tries++) {
    try {
      let events = 0;
      // Whoever comes again without having seen anything has missed what a snapshot would only sum up.
      const last = record.shown.at(-1)?.id ?? (tries > 0 ? '0:0' : undefined);
      for await (const shown of shownTo(service, record, last, leaving)) {
        record.shown.push(shown);
        events += 1;
        if (events === eventsMax) break;
      }
    } catch (error) {
      if (error instanceof FeedRefused) throw error;
      // The server died, or this client has left.
    }
    await until(() => leaving.aborted || service.over.aborted || service.address('feed') !== undefined, 30_000);
  }
}

export class FeedRefused extends Error {}

/** Reads until the connection ends. If the reader stops, it closes the connection. */
async function* shownTo(
  service: Service,
  record: FeedRecord,
  last: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Shown, void, void> {
  const asked = request(`${service.address('feed')}/api/v1/conversations/${record.conversation}/events`, {
    headers: { authorization: `Bearer ${service.key}`, ...(last !== undefined && { 'last-event-id': last }) },
    agent: false,
    signal,
  });
  // Who reads the answer learns of it too.
  asked.on('error', () => {});
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.setEncoding('utf8');
  const { statusCode: status = 0, headers } = response;
  if (status === 503) {
    service.onFailure?.({ is: 'put off', status, retryAfter: headers['retry-after'] });
    throw new Error('to be asked again');
  }
  if (status !== 200) throw new FeedRefused(`${status} ${await text(response)}`);
  record.connections += 1;
  let rest = '';
  for await (const chunk of response) {
    const frames = (rest + chunk).split('\n\n');
    // What is cut off by a crash was not shown.
    rest = frames.pop() ?? '';
    for (const frame of frames) if (!frame.startsWith(':')) yield parsedFrame(frame);
  }
}

/** One event on the wire, without its final empty line. */
export function parsedFrame(frame: string): Shown {
  const fields = new Map(frame.split('\n').map((line) => line.split(/: (.*)/s) as [string, string]));
  return { id: fields.get('id') ?? '', event: fields.get('event') ?? '', data: JSON.parse(fields.get('data') ?? '') };
}
