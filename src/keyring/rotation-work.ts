import { BackgroundPart } from '../background/background-part.js';
import { LinkedAbort } from '../background/linked-abort.js';
import { type OwnerParts, SoleOwner } from '../ownership/sole-owner.js';
import { recordLimits } from '../record-limits.js';
import { KEY_ROTATION, type MasterRotation } from './master-rotation.js';

/** Completes rotations of the master key, in one process at a time, also those that a killed process has left. */
export class RotationWork {
  private readonly owner: SoleOwner;
  private readonly background: BackgroundPart;
  private readonly stopped = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly rotation: MasterRotation,
    private readonly parts: OwnerParts,
  ) {
    this.owner = new SoleOwner({ name: KEY_ROTATION, own: (_, over) => this.completeAll(over) }, parts);
    this.background = new BackgroundPart(KEY_ROTATION, parts.health);
  }

  start(): void {
    this.running = this.owner.run(this.stopped.signal);
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    await this.running;
  }

  private async completeAll(over: AbortSignal): Promise<void> {
    const { clock, hints } = this.parts;
    while (!over.aborted) {
      const begun = new LinkedAbort([over]);
      // Before the look, so that no rotation that begins meanwhile is missed.
      const unlisten = hints.listen(KEY_ROTATION, () => begun.abort());
      // No failure ends this work: operators may restore a master key or a row at any time.
      const pauseMs = await this.background.attempt(() => this.rotation.complete(over));
      await clock.sleep(Math.max(pauseMs, recordLimits.keyRotationLookMs), begun.signal);
      unlisten();
      begun.release();
    }
  }
}
