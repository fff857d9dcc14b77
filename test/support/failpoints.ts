import { writeSync } from 'node:fs';
import type { NewEvent } from '../../src/events/envelope.js';
import { limits } from '../../src/limits.js';
import type { AppendOutcome, EventLog } from '../../src/ports/event-log.js';
import type { LaneStore } from '../../src/ports/read-models/read-models.js';

/** The moments of a turn at which a process can die, named by its appends. */
export const BEFORE_THE_ANSWER = [
  /** A message is decided, and has not left. */
  'before-append',
  /** The message is committed, and the client has no answer. */
  'after-append',
  /** The generation is claimed, and no model was called. */
  'after-claim',
] as const;

export const IN_THE_ANSWER = [
  /** Some of the answer is committed, and more is to come. */
  'mid-stream',
  /** All of the answer has come; its last piece and its end have not left. */
  'before-seal',
  /** The tape is sealed, and the ledger does not know. */
  'before-finalize',
] as const;

/** Of an answer that comes at once and is too large for one append. */
export const IN_A_LARGE_END = [
  /** An append as large as one may be is committed, and more of the answer waits. */
  'after-full-append',
  /** Some of the turns that wait have ended, and the answer has not. */
  'mid-finalize',
] as const;

export const IN_THE_VIEWS = [
  /** A step of a projection is being written: its transaction has begun. */
  'in-a-step',
] as const;

export const IN_A_LOOK = [
  /** A look at data of another is about to be recorded. */
  'before-look',
  /** It is committed, and the auditor has no answer. */
  'after-look',
] as const;

export const FAILPOINTS = [...BEFORE_THE_ANSWER, ...IN_THE_ANSWER, ...IN_A_LARGE_END, ...IN_THE_VIEWS, ...IN_A_LOOK];

export type Failpoint = (typeof FAILPOINTS)[number];

/** A process dies when it comes to a failpoint for the nth time. */
export interface Death {
  readonly failpoint: Failpoint;
  readonly hit: number;
}

/** A death as it came: an append to this stream was its failpoint. The step of a projection has no stream. */
export interface Hit {
  readonly failpoint: Failpoint;
  readonly stream?: string;
}

/** The messages of a test server to its parent, one line of JSON each. */
export type Report =
  | { readonly listening: string }
  | { readonly hit: Hit }
  | { readonly refused: string; readonly types: readonly string[] };

/** Written at once and whole, because the next thing that the process does may be to die. */
export function report(what: Report): void {
  writeSync(1, `${JSON.stringify(what)}\n`);
}

type Has = (type: string, test?: (data: Record<string, unknown>) => boolean) => boolean;

const before: Partial<Record<Failpoint, (has: Has) => boolean>> = {
  'before-append': (has) => has('MessageSent'),
  'before-look': (has) => has('AccessRecorded'),
  'before-seal': (has) => has('AttemptEnded', ({ retryAt }) => retryAt === undefined),
  'before-finalize': (has) => has('GenerationFinalized', ({ attempt }) => attempt !== null),
};

const after: Partial<Record<Failpoint, (has: Has) => boolean>> = {
  'after-append': (has) => has('MessageSent'),
  'after-look': (has) => has('AccessRecorded'),
  'after-claim': (has) => has('GenerationClaimed'),
  'mid-stream': (has) => has('DeltaReceived') && !has('AttemptEnded'),
  'after-full-append': (has) =>
    has('DeltaReceived', ({ text }) => String(text).length >= limits.deltaCharactersMax) && !has('AttemptEnded'),
  'mid-finalize': (has) => has('GenerationFinalized') && !has('GenerationFinalized', ({ attempt }) => attempt !== null),
};

/** A log whose process dies when an append comes to a failpoint for the nth time. Everything else is the log's own. */
export function dyingAt(log: EventLog, failpoint: Failpoint | undefined, hit: number): EventLog {
  let hits = 0;
  const pass = (points: typeof before, stream: string, events: readonly NewEvent[]): void => {
    if (!failpoint || !points[failpoint]?.(hasAmong(events))) return;
    hits += 1;
    if (hits !== hit) return;
    report({ hit: { failpoint, stream } });
    process.kill(process.pid, 'SIGKILL');
  };
  return {
    continuity: log.continuity,
    holds: (position) => log.holds(position),
    findCommand: (command) => log.findCommand(command),
    async append(stream, expected, events, options): Promise<AppendOutcome> {
      pass(before, stream, events);
      const outcome = await log.append(stream, expected, events, options);
      if (outcome.outcome === 'conflict') report({ refused: stream, types: events.map(({ type }) => type) });
      if (outcome.outcome === 'appended' || outcome.outcome === 'already-there') pass(after, stream, events);
      return outcome;
    },
    readStream: (...args) => log.readStream(...args),
    readAll: (...args) => log.readAll(...args),
    subscribe: (...args) => log.subscribe(...args),
    head: () => log.head(),
    parsePosition: (text) => log.parsePosition(text),
    backlog: (...args) => log.backlog(...args),
    identity: () => log.identity(),
    knownIdentity: () => log.knownIdentity(),
    close: () => log.close(),
  };
}

/** The same of the store of read models. */
export function dyingInStep(store: LaneStore, failpoint: Failpoint | undefined, hit: number): LaneStore {
  let hits = 0;
  return {
    open: (...args) => store.open(...args),
    load: (...args) => store.load(...args),
    report: (...args) => store.report(...args),
    toReplay: (...args) => store.toReplay(...args),
    async commit(lane, epoch, step) {
      const committing = store.commit(lane, epoch, step);
      if (failpoint !== 'in-a-step' || step.changes.length === 0) return committing;
      hits += 1;
      if (hits === hit) {
        await new Promise((resolve) => setImmediate(resolve));
        report({ hit: { failpoint } });
        process.kill(process.pid, 'SIGKILL');
      }
      return committing;
    },
  };
}

const hasAmong =
  (events: readonly NewEvent[]): Has =>
  (type, test = () => true) =>
    events.some((event) => event.type === type && test(JSON.parse(event.data)));
