import type { Position } from '../../events/envelope.js';
import { type Continuity, foundOnSecondLook } from '../../ports/continuity.js';
import { namedEvent, shownPosition } from './position.js';
import type { StreamReads } from './stream-reads.js';

/**
 * Checks that the server still has the log that this process knows. A server does not report that it went back: it confirms
 * a subscription from beyond its end, reports that it has caught up, and sends nothing. So the newest known event is looked
 * up after each failure of a connection, before the next call.
 */
export class SameLog {
  private isDoubtful = false;
  private checking: Promise<void> | undefined;

  constructor(
    private readonly continuity: Continuity,
    private readonly reads: Pick<StreamReads, 'holds'>,
  ) {}

  doubt(): void {
    this.isDoubtful = true;
  }

  /** Throws LogWentBack if the log went back, and LogUnavailable if that cannot be checked now. */
  async require(): Promise<void> {
    this.continuity.require();
    // If a connection fails during a check, check again: the answer may be from another node.
    while (this.isDoubtful || this.checking) {
      this.checking ??= this.check().finally(() => {
        this.checking = undefined;
      });
      await this.checking;
    }
  }

  /** Checks a position that a reader has seen. */
  async requireAt(position: Position): Promise<void> {
    await this.require();
    // Also a position before the newest known event: it may be from an earlier or another log.
    if (position !== this.continuity.newest) await this.requireHeld(position);
  }

  private async check(): Promise<void> {
    // A failure from now on causes another check.
    this.isDoubtful = false;
    try {
      await this.requireHeld(this.continuity.newest);
    } catch (error) {
      this.isDoubtful = true;
      throw error;
    }
  }

  private async requireHeld(position: Position): Promise<void> {
    if (await foundOnSecondLook(() => this.reads.holds(position))) return;
    const { id } = namedEvent(position) ?? {};
    throw this.continuity.breakOff(
      `the event log in EventStoreDB went back: position ${shownPosition(position)} does not hold event ${id} any more`,
      { position },
    );
  }
}
