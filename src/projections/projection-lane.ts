import { LinkedAbort } from '../background/linked-abort.js';
import type { Codec } from '../events/codec.js';
import { type Position, type RecordedEvent, START } from '../events/envelope.js';
import { limits } from '../limits.js';
import type { FairShare } from '../ownership/fair-share.js';
import { type OwnerParts, SoleOwner } from '../ownership/sole-owner.js';
import { RetryableError, safeReason, TerminalError, TimedOut } from '../ports/errors.js';
import { decodeOrFail, type EventLog, type LivePage } from '../ports/event-log.js';
import type { Lease } from '../ports/leases.js';
import {
  type Build,
  type LaneStore,
  type OpenedBuild,
  type Poison,
  type Step,
  StoreRefused,
} from '../ports/read-models/read-models.js';
import type { Advances } from './advances.js';
import { isAboutEvents, pauseAfter, Stopped, Superseded } from './lane-failures.js';
import { leaseOf, orderedWith } from './lane-key.js';
import { pagesAndPauses } from './pages-and-pauses.js';
import type { Projection } from './projection.js';
import { replayed } from './replay.js';
import { type StepTracing, traced } from './traced-step.js';
import { WorkingRows } from './working-rows.js';

export interface LaneParts extends OwnerParts, StepTracing {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly store: LaneStore;
  /** Of all lanes that there are. */
  readonly share: FairShare;
  /** Notified of each step that is written. */
  readonly advances: Advances;
  /** For operators: names and reasons, never a person's text. */
  readonly warn: (facts: object, message: string) => void;
}

/** Events that are applied in one step. */
interface LaneBatch {
  readonly events: readonly RecordedEvent[];
  readonly to: Position;
}

/**
 * Applies the events of the log to the rows of one build, in order, with the checkpoint in the same transaction. One owner
 * at a time, among all processes.
 */
export class ProjectionLane {
  private readonly stopping = new AbortController();
  private readonly work: Promise<void>;
  private at: Pick<OpenedBuild, 'position' | 'handled'> = { position: START, handled: 0 };
  private parked = new Set<string>();
  private rows: WorkingRows;
  private epoch = 0;
  private isOpen = false;
  /** Why its store refuses the lane, as the last warning said. */
  private refusal: string | undefined;
  /** Fewer after a step that took too long; more again with each that did not. */
  private stepEventsMax: number = limits.projectionStepEventsMax;
  /** One step at a time: a parked stream is replayed between two steps. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly projection: Projection,
    private readonly build: Build,
    private readonly parts: LaneParts,
  ) {
    this.rows = new WorkingRows(parts.store, build, projection.tables, false);
    const owner = new SoleOwner(
      {
        name: leaseOf(build),
        metricLabel: `projection ${build.projection}`,
        part: parts.share.part(),
        own: (lease, over) => this.own(lease, over),
      },
      parts,
    );
    this.work = owner.run(this.stopping.signal).catch((error) => this.fail(error));
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.work;
  }

  /** Applies the parked streams again that an operator wants replayed, from their beginning. */
  async replay(): Promise<void> {
    if (!this.isOpen || this.parked.size === 0) return;
    for (const stream of await this.parts.store.toReplay(this.build)) {
      if (this.stopping.signal.aborted) return;
      await this.inTurn(() => this.replayStream(stream));
    }
  }

  private async own(lease: Lease, over: AbortSignal): Promise<void> {
    const { store, log, advances } = this.parts;
    const opened = await store.open(this.build, lease.epoch).catch((error) => this.refused(error));
    if (!opened) return;
    this.at = opened;
    this.parked = new Set(opened.parked);
    this.epoch = lease.epoch;
    this.rows = new WorkingRows(store, this.build, this.projection.tables, opened.position === START);
    this.isOpen = true;
    const close = advances.laneOpened(this.projection.name);
    this.refusal = undefined;
    try {
      await store.report(this.build, this.epoch, null);
      const subscribe = (left: AbortSignal) => log.subscribe(opened.position, left, this.projection.filter);
      await this.follow(pagesAndPauses(subscribe, over, limits.checkpointMs, this.parts.clock), over);
    } catch (error) {
      if (error instanceof Superseded) return;
      if (!(error instanceof RetryableError || error instanceof TerminalError)) await this.reportReason(error);
      throw error;
    } finally {
      this.isOpen = false;
      close();
    }
  }

  private async follow(pages: AsyncIterable<LivePage | undefined>, over: AbortSignal): Promise<void> {
    let events: RecordedEvent[] = [];
    let bytes = 0;
    let writtenMs = Number.NEGATIVE_INFINITY;
    let to = this.at.position;
    for await (const page of pages) {
      if (page) {
        // An event that is delivered again is skipped: a sum would count it twice.
        const news = page.events.filter(({ position = START }) => position > to);
        if (page.position > to) to = page.position;
        events.push(...news);
        for (const { data } of news) bytes += data.length;
        const isFull = events.length >= this.stepEventsMax || bytes >= limits.projectionStepBytesMax;
        if (!page.live && !isFull) continue;
        // A checkpoint without rows can wait for the next page or a pause: to skip filtered events again costs nothing.
        if (events.length === 0 && this.parts.clock.monotonic() - writtenMs < limits.checkpointMs) continue;
        if (page.live && !isFull) await this.pause(over);
        // Without the checkpoint of the last page a lane on an idle log would seem to be behind for ever.
      } else if (to === this.at.position) continue;
      const batch = { events, to };
      await this.inTurn(() => this.applyAll(batch, over));
      if (over.aborted) return;
      events = [];
      bytes = 0;
      writtenMs = this.parts.clock.monotonic();
    }
  }

  /** The answers that the events belong to are being written just now. A query that waits for the view ends the pause. */
  private async pause(over: AbortSignal): Promise<void> {
    const { advances, clock } = this.parts;
    const ended = new LinkedAbort([over]);
    const { signal } = ended;
    // The same moments for all lanes: together they wake the process and the database less often.
    const leftMs = Math.ceil(limits.projectionPauseMs - (clock.monotonic() % limits.projectionPauseMs));
    await Promise.race([advances.wished(this.projection.name, signal), clock.sleep(leftMs, signal)]);
    ended.abort();
  }

  /**
   * Tries until it succeeds. A step that takes too long is cut in halves. So is one that its events make fail, until the
   * event that is to blame is alone. Where the store refuses the lane, no event is to blame: the lane waits.
   */
  private async applyAll(batch: LaneBatch, over: AbortSignal): Promise<void> {
    const { first, most } = limits.handlerBackoffMs;
    let failures = 0;
    for (let pauseMs: number = first; !over.aborted; pauseMs = Math.min(most, pauseMs * 2)) {
      try {
        await traced(this.parts, this.build, { from: this.at.position, ...batch }, () => this.apply(batch));
      } catch (error) {
        this.rows.forget();
        if (error instanceof StoreRefused) await this.reportRefusal(error);
        else if (error instanceof TimedOut && batch.events.length > 1) return this.inHalves(batch, over);
        else if (isAboutEvents(error)) failures += 1;
        else if (!(error instanceof RetryableError)) throw error;
        if (failures >= limits.projectionTriesMax) return this.isolate(batch, error, over);
        await this.parts.clock.sleep(pauseAfter(error) ?? pauseMs, over);
        continue;
      }
      return this.accepted();
    }
  }

  private async isolate(batch: LaneBatch, error: unknown, over: AbortSignal): Promise<void> {
    const [only, ...others] = batch.events;
    if (!only) throw error;
    if (others.length === 0) await this.setAside(only, safeReason(error));
    else await this.inHalves(batch, over);
  }

  private async inHalves({ events, to }: LaneBatch, over: AbortSignal): Promise<void> {
    const middle = events.length >> 1;
    this.stepEventsMax = middle;
    const first = events.slice(0, middle);
    await this.applyAll({ events: first, to: first.at(-1)?.position as Position }, over);
    await this.applyAll({ events: events.slice(middle), to }, over);
  }

  /** Reports the reason once. The store may refuse the report as well: then only the log of this process has it. */
  private async reportRefusal({ message: reason }: StoreRefused): Promise<void> {
    if (this.refusal === reason) return;
    this.refusal = reason;
    this.parts.warn({ ...this.build, reason }, 'a lane waits because the database refuses its writes');
    await this.parts.store.report(this.build, this.epoch, { reason }).catch(() => {});
  }

  private async refused(error: unknown): Promise<never> {
    if (error instanceof StoreRefused) await this.reportRefusal(error);
    throw error;
  }

  private async accepted(): Promise<void> {
    this.stepEventsMax = Math.min(limits.projectionStepEventsMax, this.stepEventsMax * 2);
    if (this.refusal === undefined) return;
    this.refusal = undefined;
    await this.parts.store.report(this.build, this.epoch, null);
  }

  private async apply({ events, to }: LaneBatch): Promise<void> {
    const applicable = events.filter((event) => !this.waits(event));
    const typed = [...(await decodeOrFail(this.parts.codec, applicable))];
    await this.rows.fetch(typed.flatMap((event) => this.projection.touched(event)));
    for (const event of typed) this.projection.apply(this.rows, event);
    await this.write({ to, handled: this.at.handled + events.length, changes: this.rows.changes() });
    this.rows.written();
  }

  private waits(event: RecordedEvent): boolean {
    return this.parked.size > 0 && this.parked.has(orderedWith(event));
  }

  private async setAside(event: RecordedEvent, reason: string): Promise<void> {
    const { id, stream, revision, type, position } = event;
    const poison: Poison = { reason, event: { id, stream, revision, type, ...(position && { position }) } };
    this.parts.warn({ ...this.build, ...poison }, `a projection could not apply an event: ${this.projection.onPoison}`);
    if (this.projection.onPoison === 'stop') {
      await this.parts.store.report(this.build, this.epoch, poison);
      throw new Stopped(reason);
    }
    const parked = { stream: orderedWith(event), poison, at: new Date(this.parts.clock.now()).toISOString() };
    await this.write({ to: position as Position, handled: this.at.handled + 1, changes: [], parked });
    this.parked.add(parked.stream);
  }

  private async replayStream(stream: string): Promise<void> {
    const { clock } = this.parts;
    const { position: to, handled } = this.at;
    try {
      const changes = await replayed(stream, this.projection, this.parts);
      await this.write({ to, handled, changes, unparked: stream });
      this.parked.delete(stream);
      this.rows.forget();
    } catch (error) {
      // A stream that takes too long would delay the replay of the streams after it for ever.
      if (!isAboutEvents(error) && !(error instanceof TimedOut)) throw error;
      const parked = { stream, poison: { reason: safeReason(error) }, at: new Date(clock.now()).toISOString() };
      await this.write({ to, handled, changes: [], parked });
    }
  }

  private async write(step: Omit<Step, 'from'>): Promise<void> {
    const { store, advances } = this.parts;
    const isWritten = await store.commit(this.build, this.epoch, { from: this.at.position, ...step });
    if (!isWritten)
      throw new Superseded(`build ${this.build.build} of ${this.projection.name} belongs to another process`);
    this.at = { position: step.to, handled: step.handled };
    advances.moved(this.projection.name);
  }

  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.turn.then(act);
    this.turn = done.catch(() => {});
    return done;
  }

  /** The tables are gone, or the log cannot be read: to wait would not help. */
  private async fail(error: unknown): Promise<void> {
    if (error instanceof Stopped) return;
    this.parts.warn({ ...this.build, err: error }, 'a lane of a projection has stopped');
    await this.reportReason(error);
  }

  /** Records why the lane makes no progress. If the store refuses even this record, its own error is reported. */
  private async reportReason(error: unknown): Promise<void> {
    await this.parts.store.report(this.build, this.epoch, { reason: safeReason(error) }).catch(() => {});
  }
}
