import { type NotePublicKey, type NoteSigner, openNote } from './note.js';
import type { SignedTree } from './proofs.js';

/** The tree of a note, and the key whose signature was found. */
export interface OpenedNote {
  readonly tree: SignedTree;
  readonly key: NotePublicKey;
}

/** The key that signs the record, and those that signed it before. */
export class SigningKeys {
  constructor(
    readonly present: NoteSigner,
    /** A NoteSigner signs the size at which it ends, together with the present key. Of a lost key only the public part is known. */
    readonly earlier: readonly NotePublicKey[] = [],
  ) {}

  /** Undefined if none of the keys has signed the note. The present one is looked for first. */
  open(origin: string, note: string): OpenedNote | undefined {
    for (const key of [this.present, ...this.earlier]) {
      const tree = openNote(note, key.verifierKey(origin));
      if (tree) return { tree, key };
    }
    return undefined;
  }
}
