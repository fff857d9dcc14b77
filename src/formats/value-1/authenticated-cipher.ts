import { createCipheriv, createDecipheriv } from 'node:crypto';

export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;

/** What a ciphertext is bound to: it opens under the same key, nonce and context alone. */
interface Binding {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly context: Uint8Array;
}

/** AES-256-GCM, the tag at the end. */
export function encrypted({ key, nonce, context }: Binding, plain: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(context);
  const bytes = Buffer.allocUnsafe(plain.length + TAG_BYTES);
  bytes.set(cipher.update(plain));
  cipher.final();
  bytes.set(cipher.getAuthTag(), plain.length);
  return bytes;
}

/** Undefined if the bytes were not encrypted under this binding. */
export function decrypted({ key, nonce, context }: Binding, bytes: Uint8Array): Buffer | undefined {
  const end = bytes.length - TAG_BYTES;
  if (end < 0) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(context);
  decipher.setAuthTag(bytes.subarray(end));
  const plain = decipher.update(bytes.subarray(0, end));
  try {
    decipher.final();
  } catch {
    // Of a whole key, nonce and tag it throws for one reason only: the tag is of other bytes.
    return undefined;
  }
  return plain;
}
