import { createHash } from 'node:crypto';

/** A SHA-256 hash: 32 bytes. */
export type Hash = Buffer;

export const HASH_BYTES = 32;

const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);

export const sha256 = (text: string | Uint8Array): Hash => createHash('sha256').update(text).digest();

/** The hash of a leaf of RFC 6962. */
export const leafHash = (leaf: string | Uint8Array): Hash => createHash('sha256').update(LEAF).update(leaf).digest();

export const nodeHash = (left: Hash, right: Hash): Hash =>
  createHash('sha256').update(NODE).update(left).update(right).digest();

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** The hash, or undefined for a text that is not the canonical base64 of 32 bytes. */
export function hashIn(text: unknown): Hash | undefined {
  if (typeof text !== 'string') return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === HASH_BYTES && base64(bytes) === text ? bytes : undefined;
}
