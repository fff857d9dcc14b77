import type { RecordedEvent } from '../../events/envelope.js';
import { canonicalJson } from './canonical-json.js';
import { contentOf } from './content.js';
import type { TapeFacts } from './entry.js';
import { Frontier } from './frontier.js';
import { leafHash } from './hashes.js';

const TAPE = 'generation-';

export const isOfTape = ({ stream }: Pick<RecordedEvent, 'stream'>): boolean => stream.startsWith(TAPE);

/** A delta has no entry: the entry of its tape commits to it. */
export const isDelta = ({ type }: Pick<RecordedEvent, 'type'>): boolean => type === 'DeltaReceived';

/**
 * Whether an event of a tape seals it: the end of an attempt after which no other follows. An end that cannot be parsed counts,
 * so that a damaged tape is recorded as it is.
 */
export function isSeal({ stream, type, data }: Pick<RecordedEvent, 'stream' | 'type' | 'data'>): boolean {
  if (type !== 'AttemptEnded' || !isOfTape({ stream })) return false;
  try {
    const end: unknown = JSON.parse(data);
    return typeof end !== 'object' || end === null || !('retryAt' in end);
  } catch {
    return true;
  }
}

/** The leaf of one event in the tree of its tape. */
export function tapeLeaf(event: RecordedEvent): string {
  const { at, id, revision: rev, schema, type } = event;
  const { content } = contentOf(event);
  // In the order of RFC 8785, as canonicalJson would write it, in a third of the time: most leaves are of deltas.
  if ('raw' in content) return JSON.stringify({ at, id, raw: content.raw, rev, schema, type });
  return canonicalJson({ at, ...content, id, rev, schema, type });
}

/** The tree of a tape, which grows while the tape is read. */
export class TapeTree {
  private readonly tree = new Frontier();

  /** Throws if a revision is missing: a tree without it would not be the tape's. */
  add(event: RecordedEvent): void {
    if (event.revision !== this.tree.size) throw new GapInTape(event.stream, this.tree.size);
    this.tree.add(leafHash(tapeLeaf(event)));
  }

  get size(): number {
    return this.tree.size;
  }

  get facts(): TapeFacts {
    return { events: this.tree.size, root: this.tree.root() };
  }
}

/** The log lacks an event of a sealed tape. */
export class GapInTape extends Error {
  constructor(stream: string, revision: number) {
    super(`the log lacks event ${revision} of ${stream}`);
  }
}
