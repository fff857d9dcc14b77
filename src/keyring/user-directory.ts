import { randomBytes } from 'node:crypto';
import { padded, unpadded } from '../formats/value-1/padding.js';
import { USER_SECRET_BYTES, userCommitment } from '../formats/value-1/user-commitment.js';
import {
  isDestroyed,
  KeyMissing,
  type KeyScope,
  keyScopes,
  type StoredKey,
  type WrappedKey,
} from '../ports/value-keys.js';
import type { Keyring, KeyringParts } from './keyring.js';
import { RecentEntries } from './recent-entries.js';

/** The user of a commitment. An erased user has no name any more. */
export type NamedUser =
  | { readonly is: 'known'; readonly user: string }
  | { readonly is: 'erased' }
  | { readonly is: 'missing'; readonly error: KeyMissing };

interface DirectoryEntry {
  readonly secret: Buffer;
  readonly user: string;
}

/**
 * Translates between users and their commitments, which are all that the log has of them. A row is wrapped like a key, and is
 * found by a hash of the user's id under the key of the tenant.
 */
export class UserDirectory {
  private readonly commitments: RecentEntries<string>;
  private readonly users: RecentEntries<NamedUser>;
  private erasures = 0;

  constructor(
    private readonly keyring: Keyring,
    private readonly parts: KeyringParts,
  ) {
    this.commitments = new RecentEntries(parts.clock);
    this.users = new RecentEntries(parts.clock);
  }

  /** The commitment of a user, made if there is none: all processes get the same. */
  async commitmentOf(tenant: string, user: string): Promise<string> {
    const name = `${tenant}\n${user}`;
    const known = this.commitments.get(name);
    if (known !== undefined) return known;
    const { erasures } = this;
    const row = await this.entryOf(tenant, user);
    // An erased user who comes back is another one to the log. The row is there until its erasure is complete.
    if (isDestroyed(row)) throw new KeyMissing(row.id, 'the user is being erased');
    if (this.read(row).user !== user) throw new KeyMissing(row.id, 'its row is of another user');
    if (erasures === this.erasures) this.commitments.set(name, row.id);
    return row.id;
  }

  /** The users of a page, with at most one query. Commitments of another tenant are missing. */
  async usersOf(tenant: string, commitments: Iterable<string>): Promise<ReadonlyMap<string, NamedUser>> {
    const named = new Map<string, NamedUser>();
    const unknown: string[] = [];
    for (const u of new Set(commitments)) {
      const known = this.users.get(`${tenant}\n${u}`);
      if (known) named.set(u, known);
      else unknown.push(u);
    }
    if (unknown.length === 0) return named;
    const { erasures } = this;
    const rows = new Map((await this.parts.generations.find(unknown)).map((row) => [row.id, row]));
    for (const u of unknown) {
      const user = this.named(tenant, u, rows.get(u));
      named.set(u, user);
      if (user.is !== 'missing' && erasures === this.erasures) this.users.set(`${tenant}\n${u}`, user);
    }
    return named;
  }

  /** Deletes the row, so that nothing translates the commitment any more. May be repeated. */
  async erase(tenant: string, u: string, at: string): Promise<void> {
    const { store } = this.parts;
    await store.destroy([u], at);
    await store.release(u);
    this.forget(tenant, [u]);
  }

  /** The log says that these users are erased. */
  forget(tenant: string, commitments: readonly string[]): void {
    this.erasures++;
    const erased = new Set(commitments);
    this.commitments.deleteAll((u) => erased.has(u));
    for (const u of erased) this.users.set(`${tenant}\n${u}`, { is: 'erased' });
  }

  private async entryOf(tenant: string, user: string): Promise<StoredKey> {
    const { store, generations } = this.parts;
    const scope = await this.scopeOf(tenant, user);
    const stored = await store.ofScope(scope);
    if (stored) return generations.openable(stored);
    const secret = randomBytes(USER_SECRET_BYTES);
    const u = userCommitment(secret, tenant, user);
    return generations.openable(
      await generations.written(() =>
        store.insertForScope(scope, generations.wrap(u, tenant, entry({ secret, user }))),
      ),
    );
  }

  private async scopeOf(tenant: string, user: string): Promise<KeyScope> {
    const { id, found } = await this.keyring.ofScope({ tenant, scope: keyScopes.tenant });
    if (found.is === 'missing') throw found.error;
    if (found.is === 'destroyed') throw new KeyMissing(id, 'the key of the tenant is destroyed');
    return { tenant, scope: `directory-${found.key.fingerprint(`verbatim/directory/1\n${user}`).toString('hex')}` };
  }

  private named(tenant: string, u: string, row: StoredKey | undefined): NamedUser {
    try {
      if (row && isDestroyed(row)) return { is: 'erased' };
      if (!row || row.tenant !== tenant) throw new KeyMissing(u, 'the directory has no row of this user');
      return { is: 'known', user: this.read(row).user };
    } catch (error) {
      if (!(error instanceof KeyMissing)) throw error;
      return { is: 'missing', error };
    }
  }

  /** A row commits to its user, so a changed one is noticed. */
  private read(row: WrappedKey): DirectoryEntry {
    const read = entryIn(this.parts.generations.unwrap(row));
    if (!read || userCommitment(read.secret, row.tenant, read.user) !== row.id) {
      throw new KeyMissing(row.id, 'its row is of another user');
    }
    return read;
  }
}

/** Padded, so that the length of a row says little about the user. */
const entry = ({ secret, user }: DirectoryEntry): Buffer => Buffer.concat([secret, padded(user)]);

function entryIn(bytes: Buffer): DirectoryEntry | undefined {
  const user = unpadded(bytes.subarray(USER_SECRET_BYTES));
  return user && { secret: bytes.subarray(0, USER_SECRET_BYTES), user: user.toString() };
}
