import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { type ServerWritableStream, status } from '@grpc/grpc-js';
import { failure } from './appends.js';
import type { Faults } from './faults.js';
import type { StoredEvent, StoredEvents } from './stored-events.js';
import { caughtUp, checkpoint, confirmation, eventAnswer, filterOf, notFound, streamOf } from './wire.js';

export type ReadCall = ServerWritableStream<streams.ReadReq, streams.ReadResp>;

const { BACKWARDS } = streams.ReadReq.Options.ReadDirection;
/** Default: the events that a server reads before it sends a checkpoint. */
const USUAL_WINDOW_EVENTS = 32;
/** The library would have us wait after every sixteenth. */
const WAITING_ANSWERS_MAX = 500;

/** One stream, or all of them: forwards from the place that is named, backwards from it or from before it. */
export async function read(
  call: ReadCall,
  events: StoredEvents,
  breakOffAfter: number | undefined,
  onSent: () => void,
): Promise<void> {
  const options = call.request.getOptions() as streams.ReadReq.Options;
  const name = options.hasStream() ? streamOf(options.getStream()?.getStreamIdentifier()) : undefined;
  const source = name === undefined ? events.all : events.stream(name);
  if (name === undefined && isWithinRecord(options, events)) return void call.emit('error', withinRecord());
  if (!source) {
    call.write(notFound(name ?? ''));
    call.end();
    return;
  }
  const passes = filterOf(options);
  const step = options.getReadDirection() === BACKWARDS ? -1 : 1;
  let left = BigInt(options.getCount());
  let sent = 0;
  for (let at = startOf(options, source, events); left > 0n && !call.cancelled; at += step) {
    const event = source[at];
    if (!event) break;
    if (!passes(event)) continue;
    await send(call, eventAnswer(event, name === undefined ? event.position : undefined));
    onSent();
    left -= 1n;
    sent += 1;
    if (name === undefined && sent === breakOffAfter) {
      call.emit('error', failure(status.UNAVAILABLE, 'Server Is Too Busy'));
      return;
    }
  }
  call.end();
}

function isWithinRecord(options: streams.ReadReq.Options, events: StoredEvents): boolean {
  const position = options.getAll()?.getPosition();
  return position !== undefined && !events.isBoundary(BigInt(position.getCommitPosition()));
}

/** As a real server answers (23.10.6). */
const withinRecord = () => failure(status.UNKNOWN, 'Exception was thrown by handler.');

function startOf(options: streams.ReadReq.Options, source: readonly StoredEvent[], events: StoredEvents): number {
  const isBackwards = options.getReadDirection() === BACKWARDS;
  const place = options.getAll() ?? options.getStream();
  if (place?.hasStart()) return isBackwards ? -1 : 0;
  if (place?.hasEnd()) return isBackwards ? source.length - 1 : source.length;
  if (place instanceof streams.ReadReq.Options.AllOptions) {
    const first = events.firstFrom(BigInt(place.getPosition()?.getCommitPosition() ?? '0'));
    // All streams backwards begin before the position, and forwards with what stands there.
    return isBackwards ? first - 1 : first;
  }
  const revision = Number(place?.getRevision());
  return isBackwards ? Math.min(revision, source.length - 1) : revision;
}

export interface SubscriptionParts {
  readonly reportsCaughtUp: boolean;
  readonly faults: Faults;
  /** For each event, and for each that the filter lets through. */
  readonly onLooked: () => void;
  readonly onSent: () => void;
}

/**
 * All streams from after a position, for ever. It sends checkpoints while it catches up, when it has, and then each time
 * a window was looked at: so long stretches that the filter leaves out do not hold a subscriber back.
 */
export async function subscribe(
  call: ReadCall,
  events: StoredEvents,
  { reportsCaughtUp, faults, onLooked, onSent }: SubscriptionParts,
): Promise<void> {
  const options = call.request.getOptions() as streams.ReadReq.Options;
  if (isWithinRecord(options, events)) return void call.emit('error', withinRecord());
  const passes = filterOf(options);
  const filter = options.getFilter();
  const window = filter?.hasMax() ? filter.getMax() : USUAL_WINDOW_EVENTS;
  const interval = window * (filter?.getCheckpointintervalmultiplier() ?? 1);
  await send(call, confirmation(randomUUID()));

  let next = firstAfter(options, events);
  let looked = 0;
  let isLive = false;
  while (!call.cancelled) {
    const event = events.all[next];
    if (event) {
      next += 1;
      looked += 1;
      onLooked();
      if (faults.takeSubscription()) return void call.emit('error', failure(status.UNAVAILABLE, 'Server Is Too Busy'));
      if (passes(event)) {
        await send(call, eventAnswer(event, event.position));
        onSent();
      }
      if (filter && looked % interval === 0) await send(call, checkpoint(event.position));
      continue;
    }
    if (!isLive) {
      const last = events.all[next - 1];
      if (filter && last && looked > 0) await send(call, checkpoint(last.position));
      if (reportsCaughtUp) await send(call, caughtUp());
      isLive = true;
      continue;
    }
    await more(call, events);
  }
}

function firstAfter(options: streams.ReadReq.Options, events: StoredEvents): number {
  const all = options.getAll();
  if (all?.hasStart()) return 0;
  if (all?.hasEnd()) return events.all.length;
  return events.firstFrom(BigInt(all?.getPosition()?.getCommitPosition() ?? '0') + 1n);
}

function more(call: ReadCall, events: StoredEvents): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stop();
      call.off('cancelled', done);
      resolve();
    };
    const stop = events.onAppended(done);
    call.on('cancelled', done);
  });
}

/** A client that does not read delays only its own reads, and fills no memory. */
async function send(call: ReadCall, answer: streams.ReadResp): Promise<void> {
  const isTaken = call.write(answer);
  if (isTaken || call.cancelled || call.writableLength < WAITING_ANSWERS_MAX) return;
  const end = new AbortController();
  const stop = () => end.abort();
  call.once('cancelled', stop);
  await once(call, 'drain', { signal: end.signal }).catch(() => {});
  call.off('cancelled', stop);
}
