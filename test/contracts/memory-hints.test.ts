import { MemoryHints } from '../support/memory/memory-hints.js';
import { hintsContract } from './hints.contract.js';

hintsContract('memory', async () => {
  const hints = new MemoryHints();
  return { one: hints, other: hints, destroy: async () => {} };
});
