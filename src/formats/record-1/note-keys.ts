import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { base64, sha256 } from './hashes.js';

/** C2SP signed notes: the types of Ed25519 keys, of those that sign notes and of those that cosign with a time. */
export const SIGNS = 0x01;
export const COSIGNS = 0x04;
type KeyType = typeof SIGNS | typeof COSIGNS;

const KEY_ID_BYTES = 4;
const SEED_BYTES = 32;
const KEY_NAME = /^[^\s+]+$/;
/** The DER of RFC 8410 before the 32 bytes of a private and of a public key. */
const PRIVATE_DER = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_DER = Buffer.from('302a300506032b6570032100', 'hex');

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: Buffer;
}

/** The Ed25519 key of a seed of 32 bytes. */
export function keyPairOf(seed: Uint8Array): KeyPair {
  if (seed.length !== SEED_BYTES) throw new RangeError(`the seed of a signing key has ${SEED_BYTES} bytes`);
  const privateKey = createPrivateKey({ key: Buffer.concat([PRIVATE_DER, seed]), format: 'der', type: 'pkcs8' });
  const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return { privateKey, publicKey: der.subarray(PUBLIC_DER.length) };
}

/** A key that verifies signatures of one name and type. */
export interface VerifierKey {
  readonly name: string;
  readonly id: Buffer;
  readonly publicKey: Buffer;
  readonly key: KeyObject;
}

export function keyId(name: string, type: KeyType, publicKey: Uint8Array): Buffer {
  if (!KEY_NAME.test(name)) throw new RangeError('the name of a key has neither spaces nor plus signs');
  return sha256(Buffer.concat([Buffer.from(`${name}\n`, 'utf8'), Buffer.from([type]), publicKey])).subarray(
    0,
    KEY_ID_BYTES,
  );
}

/** As C2SP writes it: `<name>+<id>+<key>`. */
export const verifierKeyText = (name: string, type: KeyType, publicKey: Uint8Array): string =>
  `${name}+${keyId(name, type, publicKey).toString('hex')}+${base64(Buffer.concat([Buffer.from([type]), publicKey]))}`;

/** Undefined for a text that is no key of this type. */
export function verifierKeyIn(text: string, type: KeyType): VerifierKey | undefined {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? [];
  if (name === undefined || id === undefined || encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes[0] !== type || bytes.length !== 1 + SEED_BYTES || base64(bytes) !== encoded) return undefined;
  const publicKey = bytes.subarray(1);
  if (keyId(name, type, publicKey).toString('hex') !== id) return undefined;
  const key = createPublicKey({ key: Buffer.concat([PUBLIC_DER, publicKey]), format: 'der', type: 'spki' });
  return { name, id: Buffer.from(id, 'hex'), publicKey, key };
}

/** A line of a note, after its text. */
export interface SignatureLine {
  readonly name: string;
  readonly id: Buffer;
  readonly signature: Buffer;
}

export interface NoteParts {
  /** With its last newline. */
  readonly text: string;
  readonly lines: readonly SignatureLine[];
}

/** The text of a note and those of its lines that can be signatures. Undefined if it is no note. */
export function partsOfNote(note: string): NoteParts | undefined {
  const end = note.indexOf('\n\n');
  if (end < 0) return undefined;
  const lines = note.slice(end + 2).split('\n');
  if (lines.pop() !== '') return undefined;
  return { text: note.slice(0, end + 1), lines: lines.flatMap(signatureIn) };
}

function signatureIn(line: string): readonly SignatureLine[] {
  const [, name, encoded] = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? [];
  if (name === undefined || encoded === undefined) return [];
  const bytes = Buffer.from(encoded, 'base64');
  if (base64(bytes) !== encoded) return [];
  return [{ name, id: bytes.subarray(0, KEY_ID_BYTES), signature: bytes.subarray(KEY_ID_BYTES) }];
}

export const isBy = ({ name, id }: SignatureLine, key: VerifierKey): boolean => name === key.name && id.equals(key.id);

export const signatureLine = (name: string, id: Buffer, signature: Uint8Array): string =>
  `— ${name} ${base64(Buffer.concat([id, signature]))}\n`;
