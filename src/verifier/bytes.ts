/** What the verifier needs of cryptography. Node and browsers have it in different places. */
export interface VerifierCrypto {
  sha256(bytes: Uint8Array): Uint8Array;
  /** A hash over pieces. */
  hashing(): { update(bytes: Uint8Array): void; digest(): Uint8Array };
  /** Ed25519, RFC 8032. False for a key that is none. */
  isSignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean | Promise<boolean>;
}

/** Bytes that are read in parts. A Blob is one, and so is a file. */
export interface ByteSource {
  readonly size: number;
  slice(from?: number, to?: number): ByteSource;
  arrayBuffer(): Promise<ArrayBuffer>;
}

export const HASH_BYTES = 32;

const encoder = new TextEncoder();

/** A lone surrogate becomes the replacement character. */
export const utf8 = (text: string): Uint8Array => encoder.encode(text);

export const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

/** The bytes, or undefined for a text that is not their canonical base64. */
export function base64Bytes(text: unknown, length?: number): Uint8Array | undefined {
  if (typeof text !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return undefined;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const isCanonical = base64(bytes) === text && (length === undefined || bytes.length === length);
  return isCanonical ? bytes : undefined;
}

export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export const areEqual = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, at) => byte === other[at]);

export const bytesOf = async (source: ByteSource): Promise<Uint8Array> => new Uint8Array(await source.arrayBuffer());
