import type pg from 'pg';
import { MasterKeyFiles, MasterKeySetting } from '../adapters/data-directory/master-keys.js';
import type { Notice } from '../adapters/postgres/apply-migration.js';
import { ConnectionPool } from '../adapters/postgres/connection-pool.js';
import { migrate } from '../adapters/postgres/migrate.js';
import { PostgresValueKeys } from '../adapters/postgres/postgres-value-keys.js';
import { reachServer } from '../adapters/postgres/reach-server.js';
import { KEYS } from '../adapters/postgres/schema-sets.js';
import type { Config } from '../config.js';
import { MasterGenerations } from '../keyring/master-generations.js';
import { limits } from '../limits.js';
import type { MasterKeys, ValueKeyStore } from '../ports/value-keys.js';
import type { Database } from './database.js';

/** The store of keys, and the master keys of this process. */
export interface ValueKeyEngine {
  readonly store: ValueKeyStore;
  readonly keys: MasterKeys;
  /** The master keys in step with the store. The first call of a deployment makes the first one. Throws MasterKeyMissing. */
  open(): Promise<MasterGenerations>;
}

export async function openValueKeys(
  config: Pick<Config, 'keysUrl' | 'masterKeys' | 'dataDir'>,
  database: Database,
  onNotice: Notice,
): Promise<ValueKeyEngine & { close(): Promise<void> }> {
  const connection = config.keysUrl === undefined ? database.connection : await ownDatabase(config.keysUrl, onNotice);
  const pool = new ConnectionPool(connection, limits.valueKeyConnectionsMax, limits.runtimeAnswerMs);
  return { ...valueKeyEngine(new PostgresValueKeys(pool), masterKeysOf(config)), close: () => pool.close() };
}

export function valueKeyEngine(store: ValueKeyStore, keys: MasterKeys): ValueKeyEngine {
  let opened: Promise<MasterGenerations> | undefined;
  return {
    store,
    keys,
    open() {
      opened ??= MasterGenerations.open(store, keys).catch((error) => {
        // A later call may find the master key restored.
        opened = undefined;
        throw error;
      });
      return opened;
    },
  };
}

/** Its role owns the schema, so each start migrates. */
async function ownDatabase(url: string, onNotice: Notice): Promise<pg.ClientConfig> {
  const { connection } = await reachServer(url, 'VERBATIM_KEYS_URL');
  await migrate(connection, { schemas: KEYS, onNotice });
  return connection;
}

const masterKeysOf = ({ masterKeys, dataDir }: Pick<Config, 'masterKeys' | 'dataDir'>): MasterKeys =>
  masterKeys === undefined
    ? new MasterKeyFiles(dataDir)
    : new MasterKeySetting(masterKeys.map(([generation, key]) => [generation, Buffer.from(key, 'base64')]));
