import { createHash } from 'node:crypto';

export interface ApiKeyParts {
  readonly id: string;
  readonly secret: string;
}

const API_KEY = /^vb_([A-Za-z0-9]{1,40})_([A-Za-z0-9]{32,})$/;

export function parseApiKey(text: string): ApiKeyParts | undefined {
  const [, id, secret] = API_KEY.exec(text) ?? [];
  return id && secret ? { id, secret } : undefined;
}

export function formatApiKey({ id, secret }: ApiKeyParts): string {
  return `vb_${id}_${secret}`;
}

/** A secret is long and random, so one round of SHA-256 suffices. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
