import type { NewEvent } from '../../../src/events/envelope.js';
import type { CommandPlaces } from '../../../src/ports/command-places.js';
import type {
  AppendOptions,
  AppendOutcome,
  CommandPlace,
  EventLog,
  ExpectedRevision,
} from '../../../src/ports/event-log.js';
import type { KeptFoldStore } from '../../../src/ports/kept-folds.js';
import type { Work } from '../../../src/ports/work.js';
import type { ReceivedCall } from '../invariants/evidence.js';
import { MemoryCheckpoints } from '../memory/memory-checkpoints.js';
import { MemoryCommandPlaces } from '../memory/memory-command-places.js';
import { MemoryEventLog } from '../memory/memory-event-log.js';
import { MemoryKeptFolds } from '../memory/memory-kept-folds.js';
import { MemoryLeases } from '../memory/memory-leases.js';
import { MemoryWork } from '../memory/memory-work.js';
import { TurnJournal } from '../turn-journal.js';
import { Draws } from './draws.js';
import { type Actor, Schedule } from './schedule.js';
import { Seals } from './seals.js';

export const LEASE_MS = 1_000;
const ONE_IN_FAULTS = 30;
const ONE_IN_DELAYS = 100;
/** More often than others: two workers seal one tape only while the seal of the first is on its way longer than its lease. */
const ONE_IN_SEAL_FAULTS = 4;
const ONE_IN_SEAL_DELAYS = 4;
/** Of the arguments of a call. */
const TRACED_CHARACTERS = 120;

/**
 * How rough a run is. In a quiet one nothing fails. In a repeating one every append is written, but its answer may be lost
 * or the append repeated: then nothing may be interrupted or made twice either. In a rough one processes die and sleep too.
 */
export type Weather = 'quiet' | 'repeating' | 'rough';

const REPEATS = ['repeated by the adapter', 'committed, answer lost'] as const;
const APPEND_FAULTS = [...REPEATS, 'lost', 'committed after the caller gave up'] as const;
type AppendFault = 'none' | (typeof APPEND_FAULTS)[number];

/** A mistake that a test plants, to see that the simulation finds it. */
export interface Plant {
  /** In place of the log's own append. */
  readonly append?: (
    log: EventLog,
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
    options: AppendOptions,
  ) => Promise<AppendOutcome>;
  /** In place of the log's own search. */
  readonly findCommand?: EventLog['findCommand'];
  /** In place of the store of the commands' places. */
  readonly places?: () => CommandPlaces;
  /** In place of the store of kept folds. */
  readonly keptFolds?: () => KeptFoldStore;
  /** In place of what the work table itself answers. */
  readonly work?: Partial<Work>;
  /** Each process shows its own deltas as soon as it appends them. */
  readonly showsBeforeCommit?: true;
}

/** The state that all processes share: stores, time, the provider's record, and the answers of clients. */
export class World {
  readonly draws: Draws;
  readonly schedule: Schedule;
  readonly log = new MemoryEventLog();
  readonly journal = new TurnJournal();
  readonly calls: ReceivedCall[] = [];
  readonly warnings: string[] = [];
  readonly seals = new Seals();
  readonly work: MemoryWork;
  readonly leases: MemoryLeases;
  readonly checkpoints = new MemoryCheckpoints();
  readonly keptFolds: KeptFoldStore;
  readonly places: CommandPlaces;
  readonly claimsCommands: boolean;
  private ids = 0;
  private readonly waiting = new Set<() => void>();

  constructor(
    readonly seed: number,
    readonly weather: Weather,
    quietAfter: number | undefined,
    isTraced: boolean,
    readonly plant: Plant = {},
  ) {
    this.draws = new Draws(seed, quietAfter);
    this.schedule = new Schedule(this.draws, isTraced);
    const clock = { now: () => this.schedule.nowMs };
    this.places = plant.places?.() ?? new MemoryCommandPlaces();
    this.keptFolds = plant.keptFolds?.() ?? new MemoryKeptFolds();
    this.claimsCommands = seed % 2 === 1;
    this.work = new MemoryWork(clock);
    this.leases = new MemoryLeases(clock);
  }

  /** Ids of a run are as random as its seed, and the same when it runs again. */
  readonly randomIds = {
    event: () => this.randomIds.random(),
    random: (): string => {
      this.ids += 1;
      const hex = `${this.seed.toString(16).padStart(8, '0')}${this.ids.toString(16).padStart(24, '0')}`;
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
    },
    secret: () => `${this.seed}-${this.ids++}`,
  };

  async append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
    options: AppendOptions,
  ): Promise<AppendOutcome> {
    const write = this.plant.append;
    const outcome = write
      ? await write(this.log, stream, expected, events, options)
      : await this.log.append(stream, expected, events, options);
    this.wake();
    return outcome;
  }

  findCommand(command: string): Promise<CommandPlace | undefined> {
    const find = this.plant.findCommand;
    return find ? find(command) : this.log.findCommand(command);
  }

  /** Subscribers look for more. */
  wake(): void {
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }

  /** Resolves when the log has grown. */
  grown(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        this.waiting.delete(wake);
        resolve();
      };
      this.waiting.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  appendFault({ isSeal }: { readonly isSeal: boolean }): AppendFault {
    if (this.weather === 'quiet' || !this.draws.oneIn(isSeal ? ONE_IN_SEAL_FAULTS : ONE_IN_FAULTS)) return 'none';
    const faults = this.weather === 'repeating' ? REPEATS : APPEND_FAULTS;
    return faults[this.draws.of(faults.length)] ?? 'none';
  }

  /** Most requests arrive at once; a few take longer than a lease. */
  delayMs({ isSeal } = { isSeal: false }): number {
    const isLate = this.weather === 'rough' && this.draws.oneIn(isSeal ? ONE_IN_SEAL_DELAYS : ONE_IN_DELAYS);
    return isLate ? this.draws.of(3 * LEASE_MS) : 0;
  }

  /** Each method of a store as steps of the schedule. */
  onWire<T extends object>(actor: Actor, name: string, store: T): T {
    return new Proxy(store, {
      get: (target, method, receiver) => {
        const own = Reflect.get(target, method, receiver);
        if (typeof own !== 'function') return own;
        return (...args: unknown[]) => {
          const asked = this.schedule.isTraced ? JSON.stringify(args).slice(0, TRACED_CHARACTERS) : '';
          const what = `${name}.${String(method)} ${asked}`;
          return this.schedule.call(actor, what, async () => own.apply(target, args), this.delayMs());
        };
      },
    });
  }
}
