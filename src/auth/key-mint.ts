import type { Ids } from '../ports/ids.js';
import { formatApiKey, hashSecret } from './api-key.js';

export interface MintedKey {
  readonly id: string;
  /** The key itself, to be shown once. Nobody else gets it. */
  readonly text: string;
  readonly secretSha256: string;
}

/** Makes keys that nobody can guess. The secret goes to the one who asked, its hash to everybody else. */
export class KeyMint {
  constructor(private readonly ids: Ids) {}

  mint(): MintedKey {
    const id = this.ids.random().replaceAll('-', '');
    const secret = this.ids.secret();
    return { id, text: formatApiKey({ id, secret }), secretSha256: hashSecret(secret) };
  }
}
