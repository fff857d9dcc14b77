import type { RecordedEvent } from '../events/envelope.js';
import type { TapeFacts } from '../formats/record-1/entry.js';
import { isOfTape, TapeTree } from '../formats/record-1/tape.js';
import { recordLimits } from '../record-limits.js';

/**
 * The trees of the tapes that this owner has followed from their first event. So most tapes need not be read again at their seal. A
 * tree is some hashes, however long its tape is.
 */
export class OpenTapes {
  private readonly trees = new Map<string, TapeTree>();

  add(event: RecordedEvent): void {
    const { stream, revision } = event;
    if (!isOfTape(event)) return;
    const tree = this.trees.get(stream) ?? this.begun(event);
    if (!tree) return;
    // The log lacks an event, or delivered this one before. The tape is read at its seal, which shows what is true.
    if (tree.size === revision) tree.add(event);
    else this.trees.delete(stream);
  }

  /** Undefined if it was not followed from the beginning. */
  sealed({ stream }: RecordedEvent): TapeFacts | undefined {
    const tree = this.trees.get(stream);
    this.trees.delete(stream);
    return tree?.facts;
  }

  private begun({ stream, revision }: RecordedEvent): TapeTree | undefined {
    if (revision !== 0 || this.trees.size >= recordLimits.recordOpenTapesMax) return undefined;
    const tree = new TapeTree();
    this.trees.set(stream, tree);
    return tree;
  }
}
