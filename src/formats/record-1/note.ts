import { sign, verify } from 'node:crypto';
import { base64, hashIn } from './hashes.js';
import {
  isBy,
  type KeyPair,
  keyId,
  keyPairOf,
  partsOfNote,
  SIGNS,
  signatureLine,
  verifierKeyIn,
  verifierKeyText,
} from './note-keys.js';
import type { SignedTree } from './proofs.js';

/** The name of a tree in its notes: of one tenant, in one incarnation of one log. */
export const originOf = (log: string, incarnation: string, tenant: string): string =>
  `verbatim/${log}.${incarnation}/${tenant}`;

/** An Ed25519 key that verifies notes, from its 32 bytes. */
export class NotePublicKey {
  constructor(readonly publicKey: Buffer) {}

  /** The key that verifies notes of this origin. */
  verifierKey(origin: string): string {
    return verifierKeyText(origin, SIGNS, this.publicKey);
  }
}

/** An Ed25519 key that signs notes, from its seed of 32 bytes. */
export class NoteSigner extends NotePublicKey {
  private readonly keys: KeyPair;

  constructor(seed: Uint8Array) {
    const keys = keyPairOf(seed);
    super(keys.publicKey);
    this.keys = keys;
  }

  /** Ed25519 is deterministic: the same tree gets the same note. An earlier key signs before this one, where it ends. */
  sign(origin: string, tree: SignedTree, earlier?: NoteSigner): string {
    const text = checkpointText(origin, tree);
    const lines = [...(earlier ? [earlier.line(origin, text)] : []), this.line(origin, text)];
    return `${text}\n${lines.join('')}`;
  }

  private line(origin: string, text: string): string {
    const { privateKey, publicKey } = this.keys;
    const signature = sign(null, Buffer.from(text, 'utf8'), privateKey);
    return signatureLine(origin, keyId(origin, SIGNS, publicKey), signature);
  }
}

/** A C2SP checkpoint without extension lines. */
const checkpointText = (origin: string, { size, root }: SignedTree): string => `${origin}\n${size}\n${base64(root)}\n`;

/** The tree that a note is of, if a line of it is the signature of this key. Other lines are of witnesses. */
export function openNote(note: string, verifierKey: string): SignedTree | undefined {
  const [key, parts] = [verifierKeyIn(verifierKey, SIGNS), partsOfNote(note)];
  if (!key || !parts) return undefined;
  const bytes = Buffer.from(parts.text, 'utf8');
  const isSigned = parts.lines.some((line) => isBy(line, key) && verify(null, bytes, key.key, line.signature));
  return isSigned ? treeIn(parts.text, key.name) : undefined;
}

/** The tree that a note claims. Its signature is not checked. */
export function claimedTree(note: string): SignedTree | undefined {
  const text = partsOfNote(note)?.text;
  return text === undefined ? undefined : treeIn(text, text.split('\n', 1).join());
}

function treeIn(text: string, origin: string): SignedTree | undefined {
  const [name, digits = '', hash, ...rest] = text.split('\n');
  const root = hashIn(hash);
  const size = Number(digits);
  const isWhole = name === origin && /^(0|[1-9]\d*)$/.test(digits) && Number.isSafeInteger(size) && rest.join() === '';
  return isWhole && root ? { size, root } : undefined;
}

/** The public key of a verifier key of C2SP. Undefined for a text that is none. */
export function publicKeyIn(verifierKey: string): NotePublicKey | undefined {
  const key = verifierKeyIn(verifierKey, SIGNS);
  return key && new NotePublicKey(key.publicKey);
}
