import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { base64, hashIn, sha256 } from './hashes.js';
import type { SignedTree } from './proofs.js';

/** C2SP signed notes: the type of an Ed25519 key. */
const ED25519 = Buffer.from([1]);
const KEY_ID_BYTES = 4;
const SEED_BYTES = 32;
const KEY_NAME = /^[^\s+]+$/;
/** The DER of RFC 8410 before the 32 bytes of a private and of a public key. */
const PRIVATE_DER = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_DER = Buffer.from('302a300506032b6570032100', 'hex');

/** The name of a tree in its notes: of one tenant, in one incarnation of one log. */
export const originOf = (log: string, incarnation: string, tenant: string): string =>
  `verbatim/${log}.${incarnation}/${tenant}`;

/** An Ed25519 key that signs notes, from its seed of 32 bytes. */
export class NoteSigner {
  private readonly privateKey: KeyObject;
  private readonly publicKey: Buffer;

  constructor(seed: Uint8Array) {
    if (seed.length !== SEED_BYTES) throw new RangeError(`the seed of a signing key has ${SEED_BYTES} bytes`);
    this.privateKey = createPrivateKey({ key: Buffer.concat([PRIVATE_DER, seed]), format: 'der', type: 'pkcs8' });
    const der = createPublicKey(this.privateKey).export({ format: 'der', type: 'spki' });
    this.publicKey = der.subarray(PUBLIC_DER.length);
  }

  /** The key that verifies notes of this origin, as C2SP writes it: `<name>+<id>+<key>`. */
  verifierKey(origin: string): string {
    const id = keyId(origin, this.publicKey).toString('hex');
    return `${origin}+${id}+${base64(Buffer.concat([ED25519, this.publicKey]))}`;
  }

  /** Ed25519 is deterministic: the same tree gets the same note. */
  sign(origin: string, tree: SignedTree): string {
    const text = checkpointText(origin, tree);
    const signature = sign(null, Buffer.from(text, 'utf8'), this.privateKey);
    return `${text}\n— ${origin} ${base64(Buffer.concat([keyId(origin, this.publicKey), signature]))}\n`;
  }
}

/** A C2SP checkpoint without extension lines. */
const checkpointText = (origin: string, { size, root }: SignedTree): string => `${origin}\n${size}\n${base64(root)}\n`;

function keyId(name: string, publicKey: Uint8Array): Buffer {
  if (!KEY_NAME.test(name)) throw new RangeError('the name of a key has neither spaces nor plus signs');
  return sha256(Buffer.concat([Buffer.from(`${name}\n`, 'utf8'), ED25519, publicKey])).subarray(0, KEY_ID_BYTES);
}

/** The tree that a note is of, if a line of it is the signature of this key. Other lines are of witnesses. */
export function openNote(note: string, verifierKey: string): SignedTree | undefined {
  const key = publicKeyOf(verifierKey);
  const end = note.indexOf('\n\n');
  if (key === undefined || end < 0) return undefined;
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2).split('\n');
  if (lines.pop() !== '') return undefined;
  const isSigned = lines.some((line) => {
    const [, name, signature] = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? [];
    if (name !== key.name || signature === undefined) return false;
    const bytes = Buffer.from(signature, 'base64');
    const isOfKey = base64(bytes) === signature && bytes.subarray(0, KEY_ID_BYTES).equals(key.id);
    return isOfKey && verify(null, Buffer.from(text, 'utf8'), key.key, bytes.subarray(KEY_ID_BYTES));
  });
  return isSigned ? treeIn(text, key.name) : undefined;
}

function treeIn(text: string, origin: string): SignedTree | undefined {
  const [name, digits = '', hash, ...rest] = text.split('\n');
  const root = hashIn(hash);
  const size = Number(digits);
  const isWhole = name === origin && /^(0|[1-9]\d*)$/.test(digits) && Number.isSafeInteger(size) && rest.join() === '';
  return isWhole && root ? { size, root } : undefined;
}

function publicKeyOf(verifierKey: string): { name: string; id: Buffer; key: KeyObject } | undefined {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(verifierKey) ?? [];
  if (name === undefined || id === undefined || encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes[0] !== ED25519[0] || bytes.length !== 1 + SEED_BYTES || base64(bytes) !== encoded) return undefined;
  const publicKey = bytes.subarray(1);
  if (keyId(name, publicKey).toString('hex') !== id) return undefined;
  const key = createPublicKey({ key: Buffer.concat([PUBLIC_DER, publicKey]), format: 'der', type: 'spki' });
  return { name, id: Buffer.from(id, 'hex'), key };
}
