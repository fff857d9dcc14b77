import { isStreamName } from '../ports/append-rules.js';
import type { Builds, ProjectionShape } from '../ports/read-models/read-models.js';

export class UnknownProjection extends Error {}

/** A new build is being made: a second one beside it would be for nothing. */
export class RebuildRunning extends Error {}

/** What operators ask of the read models. Whichever process runs their lanes does it. */
export class Rebuilds {
  constructor(
    private readonly shapes: readonly ProjectionShape[],
    private readonly builds: Builds,
    private readonly onAsked: () => void,
  ) {}

  async begin(name: string): Promise<void> {
    const shape = this.shapes.find((each) => each.name === name);
    if (!shape) throw new UnknownProjection(name);
    if (!(await this.builds.begin(shape))) throw new RebuildRunning(name);
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
}
