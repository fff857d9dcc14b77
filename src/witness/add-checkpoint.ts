import { type Hash, hashIn, sha256 } from '../formats/record-1/hashes.js';
import { openNote } from '../formats/record-1/note.js';
import { isConsistent, type SignedTree } from '../formats/record-1/proofs.js';

/** A request of C2SP tlog-witness to cosign a checkpoint. */
export interface CheckpointRequest {
  readonly oldSize: number;
  readonly proof: readonly Hash[];
  readonly origin: string;
  readonly note: string;
}

/** The statuses of C2SP tlog-witness. With 409 the client gets the size of the last cosigned tree. */
export type Judgement =
  | { readonly status: 200; readonly tree: SignedTree }
  | { readonly status: 400 | 403 | 404 | 422 }
  | { readonly status: 409; readonly lastSize: number };

const PROOF_LINES_MAX = 63;
const EMPTY_ROOT = sha256('');

/** Undefined for a body that is none. */
export function checkpointRequestIn(body: string): CheckpointRequest | undefined {
  const end = body.indexOf('\n\n');
  if (end < 0) return undefined;
  const [first = '', ...hashes] = body.slice(0, end).split('\n');
  const [, digits] = /^old (0|[1-9]\d{0,15})$/.exec(first) ?? [];
  const proof = hashes.map(hashIn);
  const note = body.slice(end + 2);
  const [origin = ''] = note.split('\n', 1);
  const isWhole = proof.length <= PROOF_LINES_MAX && proof.every((hash) => hash !== undefined) && origin !== '';
  if (digits === undefined || !Number.isSafeInteger(Number(digits)) || !isWhole) return undefined;
  return { oldSize: Number(digits), proof: proof as Hash[], origin, note };
}

/**
 * Whether a witness that has cosigned `last` may cosign this checkpoint: it is signed with a trusted key of its origin, and its
 * tree continues `last`, or is the same.
 */
export function judged(
  { oldSize, proof, note }: CheckpointRequest,
  verifierKeys: readonly string[],
  last: SignedTree | undefined,
): Judgement {
  if (verifierKeys.length === 0) return { status: 404 };
  const tree = treeIn(note, verifierKeys);
  if (!tree) return { status: 403 };
  if (oldSize > tree.size) return { status: 400 };
  const lastSize = last?.size ?? 0;
  if (oldSize !== lastSize || isSecondHistory(tree, last)) return { status: 409, lastSize };
  return isContinued(last, tree, proof) ? { status: 200, tree } : { status: 422 };
}

/**
 * Whether the log has signed two trees of one size. Trees of different sizes contradict each other only if no proof connects
 * them, and a client without the log's trust may have sent a wrong proof.
 */
export const isSecondHistory = (tree: SignedTree, last: SignedTree | undefined): boolean =>
  last !== undefined && tree.size === last.size && !tree.root.equals(last.root);

/** Undefined if no trusted key has signed the note. */
export function treeIn(note: string, verifierKeys: readonly string[]): SignedTree | undefined {
  for (const key of verifierKeys) {
    const tree = openNote(note, key);
    if (tree) return tree;
  }
  return undefined;
}

/** Every tree continues the empty one, so nothing is proved of it. */
function isContinued(last: SignedTree | undefined, tree: SignedTree, proof: readonly Hash[]): boolean {
  if (tree.size === 0) return proof.length === 0 && tree.root.equals(EMPTY_ROOT);
  return last === undefined || last.size === 0 ? proof.length === 0 : isConsistent(last, tree, proof);
}
