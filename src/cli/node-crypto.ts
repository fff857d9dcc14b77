import { createHash, createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import type { VerifierCrypto } from '../verifier/bytes.js';

/** The DER of RFC 8410 before the 32 bytes of a public key. */
const PUBLIC_DER = Buffer.from('302a300506032b6570032100', 'hex');

export const nodeCrypto: VerifierCrypto = {
  sha256: (bytes) => hash('sha256', bytes, 'buffer'),
  hashing() {
    const pieces = createHash('sha256');
    return { update: (bytes) => void pieces.update(bytes), digest: () => pieces.digest() };
  },
  isSignature(publicKey, message, signature) {
    const key = keyOf(publicKey);
    return key !== undefined && verify(null, message, key, signature);
  },
};

function keyOf(publicKey: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.concat([PUBLIC_DER, publicKey]), format: 'der', type: 'spki' });
  } catch {
    // OpenSSL refuses some texts of 32 bytes as keys. The note is then not signed by it.
    return undefined;
  }
}
