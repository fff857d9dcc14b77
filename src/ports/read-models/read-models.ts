import type { Position, RecordedEvent } from '../../events/envelope.js';
import { RetryableError, TerminalError } from '../errors.js';
import type { AnyTable } from './table.js';

/** One set of tables of a read model, filled from the beginning of the log. One process at a time works on it: its lane. */
export interface Build {
  readonly projection: string;
  readonly build: number;
}

/** Why an event could not be applied to a read model, or handled by a subscription. */
export interface Poison {
  readonly reason: string;
  /** Absent when the trouble is not about an event. */
  readonly event?: Pick<RecordedEvent, 'id' | 'stream' | 'revision' | 'type' | 'position'>;
}

/** A stream whose later events wait, because one of them could not be applied. */
export interface Parked {
  readonly stream: string;
  readonly poison: Poison;
  /** Since when. */
  readonly at: string;
}

export interface ParkedState extends Parked {
  /** An operator wants it replayed, and the lane has not tried yet. */
  readonly replaying: boolean;
}

export interface BuildState extends Build {
  /** Of the projection's shape and rules. */
  readonly version: number;
  readonly state: 'building' | 'live' | 'retired';
  /** Everything up to here is in the tables. */
  readonly position: Position;
  /** How many events that was, those of parked streams included. */
  readonly handled: number;
  /** Why its lane has stopped. */
  readonly poison: Poison | null;
  readonly parked: readonly ParkedState[];
}

export interface RowKey {
  readonly table: AnyTable;
  readonly key: string;
}

export interface FoundRow extends RowKey {
  /** Of the type of the table. */
  readonly row: unknown;
}

export interface RowChange extends RowKey {
  /** Of the type of the table. Null: it is removed. */
  readonly row: unknown;
}

/** What a lane writes at once: rows and checkpoint, whole or not at all. */
export interface Step {
  readonly from: Position;
  readonly to: Position;
  readonly handled: number;
  readonly changes: readonly RowChange[];
  readonly parked?: Parked;
  /** A stream whose rows these are, made again. */
  readonly unparked?: string;
}

export interface OpenedBuild {
  readonly position: Position;
  readonly handled: number;
  readonly parked: ReadonlySet<string>;
}

/** What the lane of a build does. Throws RetryableError when the store is away, StoreRefused when it refuses the lane. */
export interface LaneStore {
  /** Announces the epoch; nothing when a later owner has announced itself, or the build is retired. */
  open(build: Build, epoch: number): Promise<OpenedBuild | undefined>;
  load(build: Build, keys: readonly RowKey[]): Promise<readonly FoundRow[]>;
  /** False, and nothing is written, when a later epoch has been announced or the build is retired. */
  commit(build: Build, epoch: number, step: Step): Promise<boolean>;
  /** Records that the lane has stopped, and why; null when it continues. */
  report(build: Build, epoch: number, poison: Poison | null): Promise<void>;
  /** Parked streams that an operator wants applied again: the oldest, and no more than a lane tries at once. */
  toReplay(build: Build): Promise<readonly string[]>;
}

export interface ProjectionShape {
  readonly name: string;
  /** Grows when the same events would make other rows: then a new build is made. */
  readonly version: number;
  readonly tables: readonly AnyTable[];
}

/** Which builds there are, and which one is read. Throws RetryableError when the store is away. */
export interface Builds {
  /**
   * Every projection gets a live build, and a new one beside it if the live one is of an older version. Where a newer
   * version is live or being made, nothing is done. Several processes may call it at once.
   */
  prepare(shapes: readonly ProjectionShape[]): Promise<void>;
  /** All that are not retired. */
  list(): Promise<readonly BuildState[]>;
  /**
   * Begins a new build beside the live one. False while one is being made, or when the live one is of a newer version.
   * Builds that no process runs any more (`abandoned`) do not count, and those being made are retired.
   */
  begin(shape: ProjectionShape, abandoned?: readonly Build[]): Promise<boolean>;
  /** Reads the new build from now on, unless it is behind the live one. The one before is kept until the next. */
  swap(build: Build): Promise<'swapped' | 'behind'>;
  /** False when no such stream is parked. */
  replay(projection: string, stream: string): Promise<boolean>;
  /** Every stream that is parked; answers with how many those are. */
  replayAll(projection: string): Promise<number>;
}

/**
 * The store refuses whatever a lane writes, because a right, a column or room is missing: no event is to blame, and the
 * lane can go on as soon as an operator has repaired that.
 */
export class StoreRefused extends RetryableError {}

/** A search that asks only for the absence of words: answering it would read every text. */
export class SearchUnbounded extends TerminalError {}

/** The tables of a read model have been dropped. Only a rebuild creates them again. */
export class ReadModelLost extends TerminalError {
  constructor(readonly projection: string) {
    super(`the tables of ${projection} are gone: rebuild it`);
  }
}
