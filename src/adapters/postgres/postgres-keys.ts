import type { Key, KeyEvent, KeyRole, Keys } from '../../ports/keys.js';
import type { ConnectionPool } from './connection-pool.js';

const ISSUED = `
  INSERT INTO runtime.api_keys AS standing
    (id, tenant, issued_revision, user_name, role, name, secret_sha256, created_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
  ON CONFLICT (id) DO UPDATE
    SET issued_revision = excluded.issued_revision, user_name = excluded.user_name, role = excluded.role,
      name = excluded.name, secret_sha256 = excluded.secret_sha256, created_at = excluded.created_at
    WHERE standing.tenant = excluded.tenant
      AND (standing.issued_revision IS NULL OR standing.issued_revision < excluded.issued_revision)`;

const REVOKED = `
  INSERT INTO runtime.api_keys AS standing (id, tenant, revoked_revision, revoked_at) VALUES ($1, $2, $3, $4)
  ON CONFLICT (id) DO UPDATE
    SET revoked_revision = excluded.revoked_revision, revoked_at = excluded.revoked_at
    WHERE standing.tenant = excluded.tenant
      AND (standing.revoked_revision IS NULL OR standing.revoked_revision < excluded.revoked_revision)`;

const ISSUED_KEYS = `
  SELECT id, tenant, user_name, role, name, secret_sha256, created_at,
    CASE WHEN revoked_revision > issued_revision THEN revoked_at END
  FROM runtime.api_keys WHERE issued_revision IS NOT NULL`;

const FIND = `${ISSUED_KEYS} AND id = $1`;
const FIND_ALL = `${ISSUED_KEYS} AND id = ANY($1)`;
const OF_TENANT = `${ISSUED_KEYS} AND tenant = $1 ORDER BY created_at, id`;

type KeyRow = [string, string, string, KeyRole, string, string, Date, Date | null];

export class PostgresKeys implements Keys {
  constructor(private readonly pool: ConnectionPool) {}

  async find(id: string): Promise<Key | undefined> {
    const [row] = await this.query(FIND, [id]);
    return row && keyOf(row);
  }

  async findAll(ids: readonly string[]): Promise<readonly Key[]> {
    return (await this.query(FIND_ALL, [ids])).map(keyOf);
  }

  async record({ type, data, tenant, revision, at }: KeyEvent): Promise<void> {
    if (type === 'ApiKeyRevoked') {
      await this.query(REVOKED, [data.keyId, tenant, revision, at]);
      return;
    }
    const { keyId, user, role, name, secretSha256 } = data;
    await this.query(ISSUED, [keyId, tenant, revision, user, role, name, secretSha256, at]);
  }

  async ofTenant(tenant: string): Promise<readonly Key[]> {
    return (await this.query(OF_TENANT, [tenant])).map(keyOf);
  }

  private query(text: string, values: unknown[]): Promise<KeyRow[]> {
    return this.pool.query<KeyRow>({ text, values, rowMode: 'array' });
  }
}

function keyOf([id, tenant, user, role, name, secretSha256, createdAt, revokedAt]: KeyRow): Key {
  return {
    id,
    tenant,
    user,
    role,
    name,
    secretSha256,
    createdAt: createdAt.toISOString(),
    revokedAt: revokedAt?.toISOString() ?? null,
  };
}
