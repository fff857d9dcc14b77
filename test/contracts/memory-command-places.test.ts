import { MemoryCommandPlaces } from '../support/memory/memory-command-places.js';
import { commandPlacesContract } from './command-places.contract.js';

commandPlacesContract('memory', async () => {
  const places = new MemoryCommandPlaces();
  return { open: async () => places, destroy: async () => {} };
});
