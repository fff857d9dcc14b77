import { randomBytes, randomUUID } from 'node:crypto';
import type { Ids } from '../../ports/ids.js';

export const systemIds: Ids = {
  random: () => randomUUID(),
  event: () => uuidOfVersion7(Date.now(), randomUUID()),
  secret: () => randomBytes(32).toString('hex'),
};

/** 48 bits of milliseconds before the version, and of the other id its random bits behind it. */
function uuidOfVersion7(nowMs: number, random: string): string {
  const time = nowMs.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`;
}
