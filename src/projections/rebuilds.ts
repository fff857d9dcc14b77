import type { Leases } from '../ports/leases.js';
import { isStreamName } from '../ports/log-rules.js';
import type { Build, Builds, ProjectionShape } from '../ports/read-models/read-models.js';
import { leaseOf } from './lane-key.js';

export class UnknownProjection extends Error {}

/** A new build is already being made. */
export class RebuildRunning extends Error {}

/** Processes of a newer version run the read model: a build of this version would take it from them. */
export class NewerVersionRunning extends Error {}

/** Requests of operators to the read models. The processes with their lanes fulfil them. */
export class Rebuilds {
  constructor(
    private readonly shapes: readonly ProjectionShape[],
    private readonly builds: Builds,
    private readonly leases: Leases,
    private readonly onAsked: () => void,
  ) {}

  async begin(name: string): Promise<void> {
    const shape = this.shapes.find((each) => each.name === name);
    if (!shape) throw new UnknownProjection(name);
    const newer = (await this.builds.list()).filter((each) => each.projection === name && each.version > shape.version);
    if (await this.areRun(newer)) throw new NewerVersionRunning(name);
    if (!(await this.builds.begin(shape, newer))) throw new RebuildRunning(name);
    this.onAsked();
  }

  /** False when no such stream is parked. */
  async replay(name: string, stream: string): Promise<boolean> {
    if (!this.shapes.some((each) => each.name === name)) throw new UnknownProjection(name);
    const isParked = isStreamName(stream) && (await this.builds.replay(name, stream));
    if (isParked) this.onAsked();
    return isParked;
  }

  /** Answers with how many streams are parked. */
  async replayAll(name: string): Promise<number> {
    if (!this.shapes.some((each) => each.name === name)) throw new UnknownProjection(name);
    const streams = await this.builds.replayAll(name);
    if (streams > 0) this.onAsked();
    return streams;
  }

  private async areRun(builds: readonly Build[]): Promise<boolean> {
    const held = await Promise.all(builds.map((build) => this.leases.count(leaseOf(build))));
    return held.some((leases) => leases > 0);
  }
}
