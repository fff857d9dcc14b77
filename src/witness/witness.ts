import type { Cosigner } from '../formats/record-1/cosignature.js';
import { base64 } from '../formats/record-1/hashes.js';
import { partsOfNote } from '../formats/record-1/note-keys.js';
import type { SignedTree } from '../formats/record-1/proofs.js';
import type { Clock } from '../ports/clock.js';
import type { WitnessStates } from '../ports/witness-states.js';
import {
  type CheckpointRequest,
  checkpointRequestIn,
  isSecondHistory,
  type Judgement,
  judged,
  treeIn,
} from './add-checkpoint.js';
import { RareReports } from './rare-reports.js';
import type { Trust } from './trust.js';

export interface WitnessParts {
  readonly trust: Trust;
  readonly states: WitnessStates;
  readonly cosigner: Cosigner;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** The log has signed two trees of one size. The notes are evidence. */
  readonly onFork: (notes: RefusedNote) => void;
  /** A proof did not connect the trees. Anyone may send a wrong proof with a public note, so this accuses no log. */
  readonly onUnproved: (notes: RefusedNote) => void;
}

export interface RefusedNote {
  readonly origin: string;
  /** What this witness cosigned last, if anything, and what it refused. */
  readonly cosigned?: string;
  readonly refused: string;
}

export type WitnessAnswer =
  | { readonly status: 200; readonly cosignature: string }
  | Exclude<Judgement, { readonly status: 200 }>;

/** The state changed between reading and writing. */
const TRIES_MAX = 10;

/**
 * Cosigns checkpoints whose trees continue what it cosigned last. The new state is flushed before the answer leaves, so after a
 * crash it remembers at least what it has cosigned.
 */
export class Witness {
  private readonly queues = new Map<string, Promise<unknown>>();
  private readonly reports: RareReports;

  constructor(private readonly parts: WitnessParts) {
    this.reports = new RareReports(parts.clock);
  }

  async add(body: string): Promise<WitnessAnswer> {
    const request = checkpointRequestIn(body);
    if (!request) return { status: 400 };
    if (this.parts.trust.keysOf(request.origin).length === 0) return { status: 404 };
    return this.inTurn(request.origin, () => this.judge(request));
  }

  private async judge(request: CheckpointRequest): Promise<WitnessAnswer> {
    const { trust, states } = this.parts;
    const { origin, note } = request;
    const keys = trust.keysOf(origin);
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const last = await states.last(origin);
      const lastTree = last && this.treeOf(last.note, keys);
      const judgement = judged(request, keys, lastTree);
      if (judgement.status !== 200) {
        const tree = treeIn(note, keys);
        if (tree)
          this.report(judgement, tree, lastTree, { origin, ...(last && { cosigned: last.note }), refused: note });
        return judgement;
      }
      const isKnown = judgement.tree.size === lastTree?.size;
      if (isKnown || (await states.follow(origin, last, note)))
        return { status: 200, cosignature: this.cosigned(note) };
    }
    throw new Error('the state of the witness is changed by another process');
  }

  private cosigned(note: string): string {
    const { cosigner, clock } = this.parts;
    return cosigner.cosign(partsOfNote(note)?.text as string, Math.floor(clock.now() / 1_000));
  }

  /** The same note may come again and again, with other signatures beside that of the log. */
  private report({ status }: Judgement, tree: SignedTree, last: SignedTree | undefined, notes: RefusedNote): void {
    if (isSecondHistory(tree, last)) {
      if (this.reports.isDue(`fork ${notes.origin} ${base64(tree.root)}`)) this.parts.onFork(notes);
    } else if (status === 422 && this.reports.isDue(`unproved ${notes.origin}`)) {
      this.parts.onUnproved(notes);
    }
  }

  /** A kept note was signed with a key that is not trusted any more if its key was removed: then nothing may be cosigned. */
  private treeOf(note: string, keys: readonly string[]): SignedTree {
    const tree = treeIn(note, keys);
    if (tree) return tree;
    throw new Error('the last cosigned note is not signed with a trusted key: keep the old key beside the new one');
  }

  /** One request of an origin at a time: each is judged by what the one before it left. */
  private async inTurn<T>(origin: string, work: () => Promise<T>): Promise<T> {
    const before = this.queues.get(origin) ?? Promise.resolve();
    const own = before.then(work, work);
    this.queues.set(origin, own);
    try {
      return await own;
    } finally {
      if (this.queues.get(origin) === own) this.queues.delete(origin);
    }
  }
}
