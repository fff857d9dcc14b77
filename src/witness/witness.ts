import type { Cosigner } from '../formats/record-1/cosignature.js';
import { openNote } from '../formats/record-1/note.js';
import { partsOfNote } from '../formats/record-1/note-keys.js';
import type { SignedTree } from '../formats/record-1/proofs.js';
import type { Clock } from '../ports/clock.js';
import type { CosignedState, WitnessStates } from '../ports/witness-states.js';
import { type CheckpointRequest, checkpointRequestIn, type Judgement, judged } from './add-checkpoint.js';
import type { Trust } from './trust.js';

export interface WitnessParts {
  readonly trust: Trust;
  readonly states: WitnessStates;
  readonly cosigner: Cosigner;
  readonly clock: Pick<Clock, 'now'>;
  /** A log tried to have a second history cosigned. The notes are evidence. */
  readonly onFork: (evidence: ForkEvidence) => void;
}

export interface ForkEvidence {
  readonly origin: string;
  /** What this witness cosigned last, and what it refused. */
  readonly cosigned: string;
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

  constructor(private readonly parts: WitnessParts) {}

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
      const judgement = judged(request, keys, last && this.treeOf(last, keys));
      if (judgement.status !== 200) return this.refused(judgement, request, last);
      const isKnown = last !== undefined && judgement.tree.size === this.treeOf(last, keys).size;
      if (isKnown || (await states.follow(origin, last, note)))
        return { status: 200, cosignature: this.cosigned(note) };
    }
    throw new Error('the state of the witness is changed by another process');
  }

  private cosigned(note: string): string {
    const { cosigner, clock } = this.parts;
    return cosigner.cosign(partsOfNote(note)?.text as string, Math.floor(clock.now() / 1_000));
  }

  private refused(
    judgement: Exclude<Judgement, { readonly status: 200 }>,
    { origin, note }: CheckpointRequest,
    last: CosignedState | undefined,
  ): WitnessAnswer {
    const isFork = judgement.status === 422 || (judgement.status === 409 && judgement.isFork);
    if (isFork && last) this.parts.onFork({ origin, cosigned: last.note, refused: note });
    return judgement;
  }

  /** A kept note was signed with a key that is not trusted any more if its key was removed: then nothing may be cosigned. */
  private treeOf({ note }: CosignedState, keys: readonly string[]): SignedTree {
    for (const key of keys) {
      const tree = openNote(note, key);
      if (tree) return tree;
    }
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
