import { BackgroundPart } from '../background/background-part.js';
import { LinkedAbort } from '../background/linked-abort.js';
import { limits } from '../limits.js';
import { FairShare } from '../ownership/fair-share.js';
import type { Build, BuildState, Builds } from '../ports/read-models/read-models.js';
import { leaseOf } from './lane-key.js';
import type { Projection } from './projection.js';
import { type LaneParts, ProjectionLane } from './projection-lane.js';

export interface HostParts extends Omit<LaneParts, 'share'> {
  readonly builds: Builds;
}

/**
 * Runs the lane of every build. Its lease decides which process works on it, and each process takes no more lanes than its
 * share. Swaps a new build with the live one as soon as it has caught up.
 */
export class ProjectionHost {
  private readonly lanes = new Map<string, ProjectionLane>();
  private readonly share: FairShare;
  private readonly background: BackgroundPart;
  /** Each has its own failures, so that a failed swap delays no other build and no replay. */
  private readonly swaps: readonly (readonly [Projection, BackgroundPart])[];
  private sharing: Promise<void> = Promise.resolve();
  private readonly stopping = new AbortController();
  private looking: Promise<void> = Promise.resolve();
  private lookNow = (): void => {};

  constructor(
    private readonly projections: readonly Projection[],
    private readonly parts: HostParts,
  ) {
    // Processes of other versions take none of these lanes, so they are not counted.
    const versions = projections.map(({ name, version }) => `${name} ${version}`).join(', ');
    this.share = new FairShare(`projections (${versions})`, parts);
    this.background = new BackgroundPart('projections', parts.health);
    this.swaps = projections.map((each) => [each, new BackgroundPart(`swap of ${each.name}`, parts.health)]);
  }

  /** Lanes that this process works on. */
  get held(): number {
    return this.share.held;
  }

  start(): void {
    this.sharing = this.share.run(this.stopping.signal);
    this.looking = this.lookAsLongAsItRuns();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.looking;
    await Promise.all([this.sharing, ...[...this.lanes.values()].map((lane) => lane.stop())]);
  }

  /** A command needs a look at the builds now. */
  wake(): void {
    this.lookNow();
  }

  private async lookAsLongAsItRuns(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const early = new LinkedAbort([this.stopping.signal]);
      this.lookNow = () => early.abort();
      let swapPauseMs = 0;
      const pauseMs = await this.background.attempt(async () => {
        swapPauseMs = await this.look();
      });
      await this.parts.clock.sleep(Math.max(limits.projectionLookMs, pauseMs, swapPauseMs), early.signal);
      early.release();
    }
  }

  /** Resolves to the pause that the next swap needs at least. */
  private async look(): Promise<number> {
    const builds = await this.parts.builds.list();
    await this.runLanesOf(builds);
    let pauseMs = 0;
    for (const [projection, background] of this.swaps) {
      const swapping = await background.attempt(() => this.swapBuildOf(projection, builds));
      pauseMs = Math.max(pauseMs, swapping);
    }
    await Promise.all([...this.lanes.values()].map((lane) => lane.replay()));
    return pauseMs;
  }

  /** Swaps a new build that has caught up. A failed swap is retried at the next poll. */
  private async swapBuildOf(projection: Projection, builds: readonly BuildState[]): Promise<void> {
    for (const build of builds) {
      const isOurs = build.state === 'building' && this.definitionOf(build) === projection;
      if (isOurs && hasComeAsFar(build, builds)) await this.parts.builds.swap(build);
    }
  }

  /** This process knows only the rows of builds of its own version. */
  private definitionOf({ projection, version }: BuildState): Projection | undefined {
    return this.projections.find((each) => each.name === projection && each.version === version);
  }

  private async runLanesOf(builds: readonly BuildState[]): Promise<void> {
    const ours = builds.flatMap((state) => {
      const projection = this.definitionOf(state);
      const build: Build = { projection: state.projection, build: state.build };
      return projection ? [[leaseOf(build), { projection, build }] as const] : [];
    });
    const wanted = new Map(ours);
    this.share.outOf(wanted.size);
    for (const [name, running] of this.lanes) {
      if (wanted.has(name)) continue;
      this.lanes.delete(name);
      await running.stop();
    }
    for (const [name, { projection, build }] of wanted) {
      if (this.lanes.has(name)) continue;
      this.lanes.set(name, new ProjectionLane(projection, build, { ...this.parts, share: this.share }));
    }
  }
}

/** Or nearly: the swap itself waits for the rest. */
function hasComeAsFar(building: BuildState, builds: readonly BuildState[]): boolean {
  const live = builds.find(({ projection, state }) => projection === building.projection && state === 'live');
  return !live || live.poison !== null || building.position >= live.position;
}
