import type pg from 'pg';
import { withClient } from './postgres-cluster.js';

/** Divides an empty log into partitions that end before these positions. The last one is what log.extend() continues. */
export async function divideLog(connection: pg.ClientConfig, ...ends: number[]): Promise<void> {
  const [firstEnd, ...laterEnds] = ends as [number, ...number[]];
  await withClient(connection, async (owner) => {
    await owner.query(`
      ALTER TABLE log.events DETACH PARTITION log.events_1;
      ALTER TABLE log.events ATTACH PARTITION log.events_1 FOR VALUES FROM (1) TO (${firstEnd});
      UPDATE log.partitions SET until = ${firstEnd}`);
    let first = firstEnd;
    for (const until of laterEnds) {
      await owner.query(`
        CREATE TABLE log.events_${first} (LIKE log.events INCLUDING CONSTRAINTS, PRIMARY KEY (position), UNIQUE (stream, revision));
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.events_${first}
          FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
        ALTER TABLE log.events ATTACH PARTITION log.events_${first} FOR VALUES FROM (${first}) TO (${until});
        INSERT INTO log.partitions (first, until) VALUES (${first}, ${until})`);
      first = until;
    }
  });
}

/** By name, oldest first. */
export async function partitionsOf(connection: pg.ClientConfig): Promise<string[]> {
  return withClient(connection, async (client) => {
    const { rows } = await client.query<{ name: string }>(`
      SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'log.events'::regclass
      ORDER BY substring(c.relname FROM '[0-9]+$')::bigint`);
    return rows.map(({ name }) => name);
  });
}
