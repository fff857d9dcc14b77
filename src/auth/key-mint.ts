import type { Ids } from '../ports/ids.js';
import { formatApiKey, hashSecret } from './api-key.js';

export interface MintedKey {
  readonly id: string;
  /** The key, to be shown once to its user. It is not stored. */
  readonly text: string;
  readonly secretSha256: string;
}

/** Makes random keys. Only the caller gets the secret; the log and the key table get its hash. */
export class KeyMint {
  constructor(private readonly ids: Ids) {}

  mint(): MintedKey {
    const id = this.ids.random().replaceAll('-', '');
    const secret = this.ids.secret();
    return { id, text: formatApiKey({ id, secret }), secretSha256: hashSecret(secret) };
  }
}
