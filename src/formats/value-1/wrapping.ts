import { decrypted, encrypted, NONCE_BYTES } from './authenticated-cipher.js';

/** What wrapped bytes belong to. They open as nothing else: a row that was moved to another tenant or key is refused. */
export interface WrappedIdentity {
  readonly tenant: string;
  /** The id of the key, or the commitment of the user. */
  readonly id: string;
  readonly generation: number;
}

/** Encrypts a key under the master key of a generation. The nonce is random, and comes first in the result. */
export function wrapped(master: Uint8Array, identity: WrappedIdentity, plain: Uint8Array, nonce: Uint8Array): Buffer {
  if (nonce.length !== NONCE_BYTES) throw new RangeError(`the nonce of a wrapped key has ${NONCE_BYTES} bytes`);
  return Buffer.concat([nonce, encrypted({ key: master, nonce, context: contextOf(identity) }, plain)]);
}

/** Undefined if the bytes were not wrapped under this master key for this identity. */
export function unwrapped(master: Uint8Array, identity: WrappedIdentity, bytes: Uint8Array): Buffer | undefined {
  if (bytes.length < NONCE_BYTES) return undefined;
  const binding = { key: master, nonce: bytes.subarray(0, NONCE_BYTES), context: contextOf(identity) };
  return decrypted(binding, bytes.subarray(NONCE_BYTES));
}

function contextOf({ tenant, id, generation }: WrappedIdentity): Buffer {
  if (`${tenant}${id}`.includes('\n')) throw new RangeError('not the identity of a wrapped key');
  return Buffer.from(`verbatim/wrap/1\n${tenant}\n${id}\n${generation}`);
}
