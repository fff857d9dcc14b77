import type { Key, KeyEvent, Keys } from '../../../src/ports/keys.js';

type Issued = Extract<KeyEvent, { type: 'ApiKeyIssued' }>;
type Revoked = Extract<KeyEvent, { type: 'ApiKeyRevoked' }>;

/** The latest of each kind, so the order in which they are recorded does not matter. */
interface Entry {
  readonly tenant: string;
  readonly issued?: Issued;
  readonly revoked?: Revoked;
}

export class MemoryKeys implements Keys {
  private readonly entries = new Map<string, Entry>();

  async find(id: string): Promise<Key | undefined> {
    const entry = this.entries.get(id);
    return entry && keyOf(entry);
  }

  async findAll(ids: readonly string[]): Promise<readonly Key[]> {
    const keys = await Promise.all(ids.map((id) => this.find(id)));
    return keys.filter((key) => key !== undefined);
  }

  async record(event: KeyEvent): Promise<void> {
    const { keyId } = event.data;
    const entry = this.entries.get(keyId) ?? { tenant: event.tenant };
    if (entry.tenant !== event.tenant) return;
    if (event.type === 'ApiKeyIssued') this.entries.set(keyId, { ...entry, issued: later(entry.issued, event) });
    else this.entries.set(keyId, { ...entry, revoked: later(entry.revoked, event) });
  }

  async ofTenant(tenant: string): Promise<readonly Key[]> {
    const keys = [...this.entries.values()].filter((entry) => entry.tenant === tenant).map(keyOf);
    return keys.filter((key) => key !== undefined).sort(byAge);
  }
}

function later<Event extends KeyEvent>(standing: Event | undefined, event: Event): Event {
  return standing && standing.revision >= event.revision ? standing : event;
}

function keyOf({ tenant, issued, revoked }: Entry): Key | undefined {
  if (!issued) return undefined;
  const { keyId, user, role, name, secretSha256 } = issued.data;
  const revokedAt = revoked && revoked.revision > issued.revision ? revoked.at : null;
  return { id: keyId, tenant, user, role, name, secretSha256, createdAt: issued.at, revokedAt };
}

function byAge(one: Key, other: Key): number {
  const [a, b] = [`${one.createdAt} ${one.id}`, `${other.createdAt} ${other.id}`];
  return a < b ? -1 : 1;
}
