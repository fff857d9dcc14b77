import { systemIds } from '../../src/adapters/system/system-ids.js';
import { Keyring } from '../../src/keyring/keyring.js';
import { MasterGenerations } from '../../src/keyring/master-generations.js';
import { MasterRotation } from '../../src/keyring/master-rotation.js';
import { UserDirectory } from '../../src/keyring/user-directory.js';
import type { MasterKeys, ValueKeyStore } from '../../src/ports/value-keys.js';
import { ManualClock } from './manual-clock.js';
import { MemoryHints } from './memory/memory-hints.js';
import { MemoryMasterKeys } from './memory/memory-master-keys.js';
import { MemoryValueKeys } from './memory/memory-value-keys.js';
import { RecordedHealth } from './recorded-health.js';

/** What all processes of a deployment share. */
export interface SharedKeys {
  readonly store: ValueKeyStore;
  readonly masters: MasterKeys;
}

export interface KeyProcess {
  readonly generations: MasterGenerations;
  readonly keyring: Keyring;
  readonly directory: UserDirectory;
  readonly rotation: MasterRotation;
  readonly clock: ManualClock;
  readonly health: RecordedHealth;
}

export const memoryKeys = () => ({ store: new MemoryValueKeys(), masters: new MemoryMasterKeys() });

export async function keyProcess({ store, masters }: SharedKeys): Promise<KeyProcess> {
  const generations = await MasterGenerations.open(store, masters);
  const [clock, health, hints] = [new ManualClock(), new RecordedHealth(), new MemoryHints()];
  const parts = { store, generations, clock, health, ids: systemIds };
  const keyring = new Keyring(parts);
  const directory = new UserDirectory(keyring, parts);
  const rotation = new MasterRotation({ store, keys: masters, open: async () => generations, clock, hints });
  return { generations, keyring, directory, rotation, clock, health };
}
