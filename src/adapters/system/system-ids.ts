import { randomBytes, randomUUID } from 'node:crypto';
import type { Ids } from '../../ports/ids.js';

export const systemIds: Ids = {
  random: () => randomUUID(),
  secret: () => randomBytes(32).toString('hex'),
};
