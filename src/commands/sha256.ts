import { createHash } from 'node:crypto';

/** Hashes the UTF-8 bytes. The result is lower-case hex. */
export const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');
