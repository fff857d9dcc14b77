import { CommandClaims } from '../../../src/adapters/eventstoredb/command-claims.js';
import type { NewEvent, Position, RecordedEvent } from '../../../src/events/envelope.js';
import type {
  AllStreamsFilter,
  AppendOptions,
  AppendOutcome,
  EventLog,
  ExpectedRevision,
  LivePage,
  Page,
} from '../../../src/ports/event-log.js';
import type { Actor } from './schedule.js';
import { isSeal } from './seals.js';
import type { World } from './world.js';

/**
 * The log as one process has it. In every other run it records commands together with their events, as PostgreSQL does; in
 * the others their places are in another store, as with EventStoreDB.
 */
export function simulatedLog(world: World, actor: Actor): EventLog {
  const log = bareLog(world, actor);
  return world.claimsCommands ? new CommandClaims(log, world.onWire(actor, 'places', world.places)) : log;
}

/** Each call is steps of the schedule, and an append may fail in every way that the port names. */
function bareLog(world: World, actor: Actor): EventLog {
  const { schedule, log } = world;
  const call = <T>(what: string, effect: () => Promise<T>, kind?: { readonly isSeal: boolean }): Promise<T> =>
    schedule.call(actor, what, effect, world.delayMs(kind));

  const uncommitted: RecordedEvent[] = [];
  const showNow = (stream: string, expected: ExpectedRevision, events: readonly NewEvent[]) => {
    if (!events.every(({ type }) => type === 'DeltaReceived')) return;
    const next = typeof expected === 'number' ? expected + 1 : 0;
    uncommitted.push(...events.map((event, nth) => ({ ...event, stream, revision: next + nth })));
    world.wake();
  };

  async function append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
    options: AppendOptions = {},
  ): Promise<AppendOutcome> {
    const what = `append ${events.map(({ type }) => type).join(' + ')} to ${stream} after ${expected}`;
    const kind = { isSeal: events.some(isSeal) };
    const fault = world.appendFault(kind);
    const write = async () => {
      const outcome = await world.append(stream, expected, events, options);
      const isAnswerLost = fault !== 'none' && fault !== 'repeated by the adapter';
      world.seals.judged(stream, events, { worker: actor.name, outcome: outcome.outcome, isAnswerLost });
      return outcome;
    };
    if (world.plant.showsBeforeCommit) showNow(stream, expected, events);
    const isLost: AppendOutcome = { outcome: 'unavailable', maybeWritten: true };
    const send = (how: string, effect: () => Promise<AppendOutcome>) => call(`${what}${how}`, effect, kind);
    switch (fault) {
      case 'none':
        return send('', write);
      case 'repeated by the adapter':
        return send(', twice', async () => {
          await write();
          return write();
        });
      case 'committed, answer lost':
        return send(', its answer is lost', async () => {
          await write();
          return isLost;
        });
      case 'lost':
        return send(', it is lost', async () => isLost);
      case 'committed after the caller gave up': {
        const late = async () => {
          await write();
        };
        schedule.later(world.draws.of(3_000), { actor, what: `${what} arrives late`, run: late, isSent: true });
        return send(', it is on its way', async () => isLost);
      }
    }
  }

  async function* readStream(...args: Parameters<EventLog['readStream']>) {
    yield* await call(`read ${args[0]}`, () => collected(log.readStream(...args)));
  }

  async function* readAll(after: Position, filter?: AllStreamsFilter): AsyncIterable<Page> {
    yield* await call('read all', () => collected(log.readAll(after, filter)));
  }

  async function* subscribe(after: Position, signal: AbortSignal, filter?: AllStreamsFilter): AsyncIterable<LivePage> {
    let position = after;
    let isFirst = true;
    while (!signal.aborted) {
      const grown = world.grown(signal);
      if (uncommitted.length > 0) yield { events: uncommitted.splice(0), position, live: true };
      const pages = await call('read on', () => collected(log.readAll(position, filter)));
      if (signal.aborted) return;
      for (const [nth, page] of pages.entries()) {
        position = page.position;
        yield { ...page, live: nth === pages.length - 1 };
      }
      if (pages.length === 0 && isFirst) yield { events: [], position, live: true };
      isFirst = false;
      if (pages.length === 0) await grown;
    }
  }

  // What is not simulated asks the log itself.
  return new Proxy(log, {
    get(target, name, receiver) {
      const simulated = {
        append,
        readStream,
        readAll,
        subscribe,
        head: () => call('ask for the head', () => log.head()),
        findCommand: (command: string) => call(`find command ${command}`, () => world.findCommand(command)),
      };
      if (name in simulated) return simulated[name as keyof typeof simulated];
      const own = Reflect.get(target, name, receiver);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

async function collected<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(page);
  return all;
}
