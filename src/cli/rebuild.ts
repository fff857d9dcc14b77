import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import { type Api, pathOf, ServerAway } from './api.js';
import { CommandFailed } from './failures.js';
import { type BuildStanding, type PrintedPoison, type ProjectionStanding, standingOf } from './standing.js';

export interface RebuildSteps {
  readonly done: number;
  /** The events of the log at the start of the rebuild, by the count of the live build. */
  readonly of: number;
}

export interface Rebuilt {
  readonly name: string;
  /** Stopped: whether or not it is read by now, for the one before may have stopped at the same event. */
  readonly state: 'live' | 'stopped';
  readonly build: number;
  readonly version: number;
  readonly handled: number;
  readonly seconds: number;
  /** The number of parked streams. */
  readonly parked: number;
  readonly poison: PrintedPoison | null;
}

/**
 * Starts a rebuild, and waits until the new build is live and has all events that the log had at the start, or has stopped.
 * A build that replaces a stopped one is live before it reaches the event at which that one stopped, and may stop there too.
 * The server continues the rebuild if this command ends.
 */
export async function rebuild(
  api: Api,
  name: string,
  clock: Clock,
  onStep: (steps: RebuildSteps) => Promise<void>,
): Promise<Rebuilt> {
  const before = await standingOf(api, name);
  const of = eventsToRead(before);
  await api.post(pathOf('projections', name, 'rebuild'));
  const began = clock.now();
  let handled = -1;
  return watched(clock, `the rebuild of ${name}`, async (moved) => {
    const now = await standingOf(api, name);
    const isRead = now.build !== before.build;
    const next = isRead ? now : now.rebuild;
    if (!next) throw new CommandFailed(`The new build of ${name} is gone, and the old one is still live`);
    const isWhole = isRead && (next.handled >= of || (next.lag.events ?? next.lag.distance) === 0);
    if (next.poison || isWhole) return rebuilt(now, next, (clock.now() - began) / 1000);
    if (next.handled !== handled) moved();
    handled = next.handled;
    await onStep({ done: handled, of: Math.max(handled, of === Number.POSITIVE_INFINITY ? before.handled : of) });
    return undefined;
  });
}

/** Unknown if the log does not count events and the live build has not caught up. */
function eventsToRead({ handled, lag }: BuildStanding): number {
  if (lag.events !== null) return handled + lag.events;
  return lag.distance === 0 ? handled : Number.POSITIVE_INFINITY;
}

/** True if the stream was replayed. Otherwise the reason why it is parked again. */
export async function replay(api: Api, name: string, stream: string, clock: Clock): Promise<true | PrintedPoison> {
  await api.post(pathOf('projections', name, 'parked', stream, 'replay'));
  return watched(clock, `the replay of ${stream}`, async () => {
    const now = (await standingOf(api, name)).parked.find((each) => each.stream === stream);
    if (!now) return true;
    return now.replaying ? undefined : now.poison;
  });
}

export interface ReplayedAll {
  readonly name: string;
  readonly replayed: number;
  /** Parked again, with the reason that `projections parked` shows. */
  readonly parked: number;
}

/** All streams that are parked now. */
export async function replayAll(api: Api, name: string, clock: Clock): Promise<ReplayedAll> {
  const before = new Set((await standingOf(api, name)).parked.map(({ stream }) => stream));
  await api.post(pathOf('projections', name, 'parked', 'replay'));
  let left = before.size;
  return watched(clock, `the replay of ${name}`, async (moved) => {
    const parked = (await standingOf(api, name)).parked.filter(({ stream }) => before.has(stream));
    const waiting = parked.filter(({ replaying }) => replaying).length;
    if (waiting === 0) return { name, replayed: before.size - parked.length, parked: parked.length };
    if (waiting !== left) moved();
    left = waiting;
    return undefined;
  });
}

/** Polls until there is a result. An outage counts as no progress. */
export async function watched<T>(
  clock: Clock,
  what: string,
  look: (moved: () => void) => Promise<T | undefined>,
): Promise<T> {
  let movedAt = clock.now();
  for (;;) {
    let away: ServerAway | undefined;
    try {
      const end = await look(() => {
        movedAt = clock.now();
      });
      if (end !== undefined) return end;
    } catch (error) {
      if (!(error instanceof ServerAway)) throw error;
      away = error;
    }
    if (clock.now() - movedAt > limits.commandStillMs) throw away ?? madeNoProgress(what);
    await clock.sleep(limits.commandLookMs);
  }
}

const madeNoProgress = (what: string): CommandFailed =>
  new CommandFailed(
    `No progress in ${what} for ${limits.commandStillMs / 1000} s: does a process with the role projections run?`,
  );

function rebuilt(
  { name, build: read, parked: aside }: ProjectionStanding,
  next: BuildStanding,
  seconds: number,
): Rebuilt {
  const { build, version, handled, poison } = next;
  const parked = build === read ? aside.length : 0;
  return { name, state: poison ? 'stopped' : 'live', build, version, handled, seconds, parked, poison };
}
