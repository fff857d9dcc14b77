import type { Reader } from '../../domain/conversation/readers.js';
import { limits } from '../../limits.js';
import { RetryableError } from '../../ports/errors.js';
import type { CoverageQueries, Covered, CoveringList } from '../../ports/read-models/questions.js';
import { ReadModelLost } from '../../ports/read-models/read-models.js';
import type { Shown, ShownCursor } from './shown.js';
import { type CoverageParts, untilCovered } from './until-covered.js';

/** The list does not cover the required cursor yet. It may do so soon. */
export class ViewBehind extends RetryableError {}

/** A list has to show this conversation at `place` or later. */
export interface LeastShown {
  readonly conversation: string;
  readonly place: ShownCursor;
}

export interface ListCoverageParts extends CoverageParts {
  readonly views: CoverageQueries;
  readonly shown: Shown;
}

/** Makes a list wait until it shows all that its reader has seen. */
export class ListCoverage {
  constructor(private readonly parts: ListCoverageParts) {}

  /**
   * Waits a moment for what this process has shown to the reader, and then lets the list answer as it is. What the reader
   * asks for is waited for longer: throws ViewBehind when the list does not cover it in time.
   */
  async wait(list: CoveringList, reader: Reader, least: LeastShown | undefined): Promise<void> {
    const { clock, shown } = this.parts;
    const askedMs = clock.now();
    const places = shown.unsettled(reader, list.name);
    if (places.size > 0 && (await this.hasWaited(list, places, askedMs + limits.viewGraceMs))) {
      // Noted also if the list does not cover it: while the lane is stopped, each change delays a list once.
      shown.settle(reader, list.name, places);
    }
    if (least) await this.requireUntil(list, least, askedMs + limits.viewWaitMs);
  }

  /** Waits for what the list must show. Throws ViewBehind when the list does not cover it in time. */
  require(list: CoveringList, least: LeastShown): Promise<void> {
    return this.requireUntil(list, least, this.parts.clock.now() + limits.viewWaitMs);
  }

  private async requireUntil(list: CoveringList, { conversation, place }: LeastShown, deadline: number): Promise<void> {
    if (await this.covers(list, new Map([[conversation, place]]), deadline)) return;
    throw new ViewBehind(`the list of ${list.name} does not cover ${conversation} at ${place.ledger}:${place.tape}`);
  }

  /** False if the coverage of the live build is unknown: a build of an older version lacks the columns. */
  private async hasWaited(
    list: CoveringList,
    places: ReadonlyMap<string, ShownCursor>,
    deadline: number,
  ): Promise<boolean> {
    try {
      await this.covers(list, places, deadline);
      return true;
    } catch (error) {
      if (error instanceof ReadModelLost) return false;
      throw error;
    }
  }

  private covers(list: CoveringList, places: ReadonlyMap<string, ShownCursor>, deadline: number): Promise<boolean> {
    return untilCovered(this.parts, list.name, deadline, async () => {
      const covered = await this.parts.views.covered(list, [...places.keys()]);
      return [...places].every(([conversation, place]) => isCovered(covered.get(conversation), place));
    });
  }
}

/** Of the tape only the claim shows in a list. */
function isCovered(covered: Covered | undefined, { ledger, tape }: ShownCursor): boolean {
  if (!covered || covered.seen < ledger) return false;
  return covered.seen > ledger || tape === 0 || covered.isClaimed;
}
