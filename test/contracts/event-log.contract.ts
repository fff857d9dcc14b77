import { afterAll, beforeAll, describe } from '@jest/globals';
import type { EventLog } from '../../src/ports/event-log.js';
import type { Hold } from '../support/held-log.js';
import { appendContract } from './event-log/append.js';
import { backlogContract } from './event-log/backlog.js';
import { concurrencyContract } from './event-log/concurrency.js';
import { continuityContract } from './event-log/continuity.js';
import { identityContract } from './event-log/identity.js';
import { incarnationContract } from './event-log/incarnations.js';
import { positionContract } from './event-log/positions.js';
import { propertyContract } from './event-log/properties.js';
import { readContract } from './event-log/read.js';
import { refusalContract } from './event-log/refusals.js';
import { subscribeContract } from './event-log/subscribe.js';

/** A store of events that several logs can be opened on, as several processes would. */
export interface LogStore {
  /** With `hold`, each append waits for it directly before its events can be written. */
  open(hold?: Hold): Promise<EventLog>;
  destroy(): Promise<void>;
}

/** What each part of the suite gets: a log of its own on a store that all parts share. */
export type OpenLog = (hold?: Hold) => Promise<EventLog>;

export interface EngineTraits {
  /** Whether it answers `already-there`, and not `appended`, to a call that it has committed before. */
  readonly recognisesRetries: boolean;
  /** Whether a command belongs to the stream in which it was tried first, even if it did not act there. */
  readonly claimsCommands: boolean;
  /** Whether it counts a backlog. One that could count only by reading the events never does. */
  readonly countsBacklogs: boolean;
  /** So many it takes from several writers in a few seconds. */
  readonly eventsAtOnce: number;
}

const usual: EngineTraits = {
  recognisesRetries: true,
  claimsCommands: false,
  countsBacklogs: true,
  eventsAtOnce: 10_000,
};

/**
 * A server that differs from another one only in how it serves subscriptions need not prove the rest again, nor a run that
 * has more events at once.
 */
export type Scope = 'everything' | 'subscriptions' | 'concurrency';

/** What every engine of the log must do. An engine's own test is its set-up and one call of this. */
export function eventLogContract(
  engine: string,
  createStore: () => Promise<LogStore>,
  traits: Partial<EngineTraits> = {},
  scope: Scope = 'everything',
): void {
  const all = { ...usual, ...traits };
  describe(`the event log on ${engine}`, () => {
    let store: LogStore;
    const opened: EventLog[] = [];
    const open: OpenLog = async (hold) => {
      const log = await store.open(hold);
      opened.push(log);
      return log;
    };

    beforeAll(async () => {
      store = await createStore();
    });
    afterAll(async () => {
      await Promise.all(opened.map((log) => log.close()));
      await store.destroy();
    });

    describe('under concurrency', () => concurrencyContract(open, all));
    if (scope === 'concurrency') return;
    describe('subscribing', () => subscribeContract(open));
    describe('a log that is not the one a reader knows', () => continuityContract(createStore));
    if (scope === 'subscriptions') return;
    describe('append', () => appendContract(open, all));
    describe('refusals', () => refusalContract(open));
    describe('reading', () => readContract(open));
    describe('a backlog', () => backlogContract(open, all));
    describe('positions from outside', () => positionContract(open));
    describe('its identity', () => identityContract(open));
    describe('its incarnations', () => incarnationContract(createStore));
    describe('for any history', () => propertyContract(open, all));
  });
}
