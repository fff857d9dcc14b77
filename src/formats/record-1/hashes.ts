import { hash } from 'node:crypto';

/** A SHA-256 hash: 32 bytes. */
export type Hash = Buffer;

export const HASH_BYTES = 32;

const NODE_PREFIX = 1;

// The one-shot function takes half the time of a hash object for texts as short as these.
export const sha256 = (text: string | Uint8Array): Hash => hash('sha256', text, 'buffer');

/** The hash of a leaf of RFC 6962: the byte 0 comes before it. */
export const leafHash = (leaf: string): Hash => sha256(`\0${leaf}`);

export function nodeHash(left: Hash, right: Hash): Hash {
  const node = Buffer.allocUnsafe(1 + 2 * HASH_BYTES);
  node[0] = NODE_PREFIX;
  node.set(left, 1);
  node.set(right, 1 + HASH_BYTES);
  return sha256(node);
}

export const base64 = (bytes: Buffer): string => bytes.toString('base64');

/** The hash, or undefined for a text that is not the canonical base64 of 32 bytes. */
export function hashIn(text: unknown): Hash | undefined {
  if (typeof text !== 'string') return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === HASH_BYTES && base64(bytes) === text ? bytes : undefined;
}
