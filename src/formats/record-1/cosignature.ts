import { sign, verify } from 'node:crypto';
import {
  COSIGNS,
  isBy,
  type KeyPair,
  keyId,
  keyPairOf,
  partsOfNote,
  signatureLine,
  verifierKeyIn,
  verifierKeyText,
} from './note-keys.js';

const TIME_BYTES = 8;

/** What a witness signs: C2SP tlog-cosignature, version 1. `text` is the note without its signatures. */
const cosignedText = (text: string, seconds: bigint): Buffer =>
  Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`, 'utf8');

/** The Ed25519 key of a witness, from its seed of 32 bytes. */
export class Cosigner {
  private readonly keys: KeyPair;

  constructor(
    private readonly name: string,
    seed: Uint8Array,
  ) {
    this.keys = keyPairOf(seed);
  }

  /** The key that verifies its cosignatures. */
  get verifierKey(): string {
    return verifierKeyText(this.name, COSIGNS, this.keys.publicKey);
  }

  /** The signature line. `seconds` are those since 1970. */
  cosign(text: string, seconds: number): string {
    const time = Buffer.alloc(TIME_BYTES);
    time.writeBigUInt64BE(BigInt(seconds));
    const signature = sign(null, cosignedText(text, BigInt(seconds)), this.keys.privateKey);
    const id = keyId(this.name, COSIGNS, this.keys.publicKey);
    return signatureLine(this.name, id, Buffer.concat([time, signature]));
  }
}

/** The time of a valid cosignature of this key, in seconds since 1970. Undefined if the note has none. */
export function cosignedAt(note: string, verifierKey: string): number | undefined {
  const [key, parts] = [verifierKeyIn(verifierKey, COSIGNS), partsOfNote(note)];
  if (!key || !parts) return undefined;
  for (const line of parts.lines.filter((each) => isBy(each, key) && each.signature.length > TIME_BYTES)) {
    const seconds = line.signature.readBigUInt64BE();
    const signature = line.signature.subarray(TIME_BYTES);
    const isSafe = seconds <= BigInt(Number.MAX_SAFE_INTEGER);
    if (isSafe && verify(null, cosignedText(parts.text, seconds), key.key, signature)) return Number(seconds);
  }
  return undefined;
}

export const isCosignerKey = (text: string): boolean => verifierKeyIn(text, COSIGNS) !== undefined;
