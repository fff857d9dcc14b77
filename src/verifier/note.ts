import { areEqual, base64Bytes, HASH_BYTES, joined, utf8, type VerifierCrypto } from './bytes.js';

/** A text that is no key. */
export class NotAKey extends Error {}

/** The types of keys in C2SP signed notes. */
const ED25519 = 1;
const COSIGNATURE = 4;
const ID_BYTES = 4;
const TIME_BYTES = 8;
const SIGNATURE_BYTES = 64;

interface NoteKey {
  readonly name: string;
  readonly type: number;
  readonly id: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** The tree of a note that is signed. */
export interface SignedRoot {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

interface Signature {
  readonly name: string;
  readonly id: Uint8Array;
  readonly bytes: Uint8Array;
}

/** A C2SP checkpoint, taken apart. Nothing in it is verified yet. */
export class Note {
  private constructor(
    private readonly text: string,
    private readonly signatures: readonly Signature[],
    readonly tree: SignedRoot,
  ) {}

  /** Undefined for a text of another form. */
  static parse(note: string): Note | undefined {
    const end = note.indexOf('\n\n');
    if (end < 0 || !note.endsWith('\n')) return undefined;
    const text = note.slice(0, end + 1);
    const lines = note.slice(end + 2, -1).split('\n');
    const signatures = lines.map(signatureIn);
    const tree = treeIn(text);
    const isWhole = new Set(lines).size === lines.length && signatures.every((signature) => signature !== undefined);
    return tree && isWhole ? new Note(text, signatures as Signature[], tree) : undefined;
  }

  /** Whether a line is the signature of this verifier key, in whose name the note must be. */
  async isSignedBy(verifierKey: string, crypto: VerifierCrypto): Promise<boolean> {
    const key = keyIn(verifierKey, ED25519, crypto);
    return key.name === this.tree.origin && this.hasSignatureOf(key, crypto);
  }

  /** Whether a line is the cosignature of this witness. It has the time at which the witness had seen the tree. */
  isCosignedBy(witnessKey: string, crypto: VerifierCrypto): Promise<boolean> {
    return this.hasSignatureOf(keyIn(witnessKey, COSIGNATURE, crypto), crypto);
  }

  /** The names on the lines that are not signatures of these keys. */
  async signersBeside(
    verifierKey: string,
    witnessKeys: readonly string[],
    crypto: VerifierCrypto,
  ): Promise<readonly string[]> {
    const witnesses = witnessKeys.map((witness) => keyIn(witness, COSIGNATURE, crypto));
    const keys = [keyIn(verifierKey, ED25519, crypto), ...witnesses];
    const isKnown = await Promise.all(this.signatures.map((signature) => this.isOfAny(signature, keys, crypto)));
    return this.signatures.filter((_, nth) => !isKnown[nth]).map(({ name }) => name);
  }

  private async isOfAny(signature: Signature, keys: readonly NoteKey[], crypto: VerifierCrypto): Promise<boolean> {
    for (const key of keys) if (await this.isOf(signature, key, crypto)) return true;
    return false;
  }

  private async hasSignatureOf(key: NoteKey, crypto: VerifierCrypto): Promise<boolean> {
    for (const signature of this.signatures) if (await this.isOf(signature, key, crypto)) return true;
    return false;
  }

  private async isOf(
    { name, id, bytes }: Signature,
    { type, publicKey, ...key }: NoteKey,
    crypto: VerifierCrypto,
  ): Promise<boolean> {
    const headBytes = type === COSIGNATURE ? TIME_BYTES : 0;
    if (name !== key.name || !areEqual(id, key.id) || bytes.length !== headBytes + SIGNATURE_BYTES) return false;
    const time = type === COSIGNATURE ? new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0) : undefined;
    const message = time === undefined ? this.text : `cosignature/v1\ntime ${time}\n${this.text}`;
    return crypto.isSignature(publicKey, utf8(message), bytes.slice(headBytes));
  }
}

function signatureIn(line: string): Signature | undefined {
  const [, name, encoded] = /^— ([^\s+]+) (\S+)$/.exec(line) ?? [];
  const bytes = base64Bytes(encoded);
  if (name === undefined || bytes === undefined || bytes.length <= ID_BYTES) return undefined;
  return { name, id: bytes.slice(0, ID_BYTES), bytes: bytes.slice(ID_BYTES) };
}

function treeIn(text: string): SignedRoot | undefined {
  const [origin = '', digits = '', hash, ...rest] = text.split('\n');
  const [size, root] = [Number(digits), base64Bytes(hash, HASH_BYTES)];
  const isWhole = /^[1-9]\d*$/.test(digits) && Number.isSafeInteger(size) && rest.join() === '' && rest.length === 1;
  return isWhole && root ? { origin, size, root } : undefined;
}

function keyIn(text: string, type: number, { sha256 }: VerifierCrypto): NoteKey {
  const [, name, digits, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text) ?? [];
  const bytes = base64Bytes(encoded, 1 + HASH_BYTES);
  if (name === undefined || digits === undefined || bytes?.[0] !== type) {
    throw new NotAKey(`expected <name>+<id>+<key>, with an Ed25519 key of type ${type}`);
  }
  const id = sha256(joined(utf8(`${name}\n`), bytes)).slice(0, ID_BYTES);
  const expected = Array.from(id, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (expected !== digits) throw new NotAKey(`the id of the key of ${name} is not ${digits}`);
  return { name, type, id, publicKey: bytes.slice(1) };
}
