import { createHash } from 'node:crypto';

/** Lower-case hex, of the UTF-8 bytes. */
export const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');
