import { sha256 } from '../record-1/hashes.js';

export const USER_SECRET_BYTES = 32;

const PREFIX = Buffer.from('verbatim/user/1\n');
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const BITS = 5;

/** The name of a user in the log: a commitment that says nothing about the user once the secret is destroyed. */
export function userCommitment(secret: Uint8Array, tenant: string, userId: string): string {
  if (secret.length !== USER_SECRET_BYTES) throw new RangeError(`the secret of a user has ${USER_SECRET_BYTES} bytes`);
  if (tenant.includes('\n') || !userId.isWellFormed()) throw new RangeError('not a tenant and a user');
  return `u${base32(sha256(Buffer.concat([PREFIX, secret, Buffer.from(`${tenant}\n${userId}`)])))}`;
}

/** RFC 4648, section 6, in lower case and without padding. */
function base32(bytes: Uint8Array): string {
  let text = '';
  let pending = 0;
  let pendingBits = 0;
  for (const byte of bytes) {
    pending = (pending << 8) | byte;
    pendingBits += 8;
    while (pendingBits >= BITS) {
      pendingBits -= BITS;
      text += ALPHABET[(pending >> pendingBits) & 31];
    }
    pending &= (1 << pendingBits) - 1;
  }
  return pendingBits === 0 ? text : text + ALPHABET[(pending << (BITS - pendingBits)) & 31];
}
