import type { Position } from '../../events/envelope.js';
import type { Continuity } from '../../ports/continuity.js';
import { foundOnSecondLook } from '../../ports/second-look.js';
import { namedEvent, shownPosition } from './position.js';
import type { StreamReads } from './stream-reads.js';

/**
 * Whether the server still has the log that this process knows. A server does not say that it went back: it confirms a
 * subscription from beyond its end, calls it caught up, and is silent. So the newest known event is looked up after each
 * failure of a connection, before the next call.
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
    // A connection that fails during a check is another doubt: what that check found may be the answer of another node.
    while (this.isDoubtful || this.checking) {
      this.checking ??= this.check().finally(() => {
        this.checking = undefined;
      });
      await this.checking;
    }
  }

  /** The same for a reader that has seen this position. */
  async requireAt(position: Position): Promise<void> {
    await this.require();
    // Also one before the newest known event: it may be of a log that was there earlier, or of another one.
    if (position !== this.continuity.newest) await this.requireHeld(position);
  }

  private async check(): Promise<void> {
    // A failure from now on is another doubt.
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
