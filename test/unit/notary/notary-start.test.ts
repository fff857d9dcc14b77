import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import type { NewEvent } from '../../../src/events/envelope.js';
import { sha256 } from '../../../src/formats/record-1/hashes.js';
import { NotePublicKey, NoteSigner, openNote, originOf } from '../../../src/formats/record-1/note.js';
import { SigningKeys } from '../../../src/formats/record-1/signing-keys.js';
import { TreeSigner } from '../../../src/notary/tree-signer.js';
import type { RecordStore } from '../../../src/ports/record.js';
import { recordLimits } from '../../../src/record-limits.js';
import { appendAtEnd } from '../../support/new-events.js';
import { NotaryGround } from '../../support/notary-ground.js';
import { until } from '../../support/until.js';

let ground: NotaryGround;
beforeEach(() => {
  ground = new NotaryGround();
});
afterEach(() => ground.stop());

const event = (tenant: string): NewEvent => ({
  ...{ id: randomUUID(), type: 'TenantCreated', schema: 1, tenant, at: '2026-01-02T03:04:05.678Z' },
  ...{ data: '{}', meta: '{}' },
});
const append = (tenant: string, count = 1) =>
  appendAtEnd(
    ground.log,
    `tenant-${tenant}`,
    Array.from({ length: count }, () => event(tenant)),
  );
const originFor = async (tenant: string) => originOf(await ground.log.identity(), 'first', tenant);
const troubles = async () => [...(await ground.record.troubles(10))];
const [first, second, third] = ['the key', 'the second key', 'the third key'].map(
  (seed) => new NoteSigner(sha256(seed)),
) as [NoteSigner, NoteSigner, NoteSigner];
const endedKey = ({ publicKey }: NoteSigner) => new NotePublicKey(publicKey);

async function signedOnce(...tenants: string[]): Promise<void> {
  const notary = ground.start();
  for (const tenant of tenants) await append(tenant, 2);
  await ground.signed();
  await notary.stop();
}

describe('a notary that begins', () => {
  it('stops the tenants whose trees went back together with the log, without a new event', async () => {
    await signedOnce('acme', 'b');
    const restored = new NotaryGround();
    await appendAtEnd(restored.log, 'tenant-acme', [event('acme')]);
    await appendAtEnd(restored.log, 'tenant-b', [event('b')]);
    const early = restored.start();
    await restored.signed();
    await early.stop();
    const identity = await restored.log.identity();
    // What a later time had signed: more of acme, nothing of b, and a tenant that the restored log does not know.
    for (const [tenant, size] of [
      ['acme', 2],
      ['gone', 3],
    ] as const) {
      const origin = originOf(identity, 'first', tenant);
      restored.kept.byOrigin.set(origin, first.sign(origin, { size, root: sha256(tenant) }));
    }
    restored.start({ holder: 'node-2' });
    await until(async () => (await restored.record.troubles(10)).size === 2);
    expect([...(await restored.record.troubles(10))]).toEqual([
      ['acme', 'the last note is of 2 entries, and the log makes only 1'],
      ['gone', 'the last note is of 3 entries, and the log makes only 0'],
    ]);
    await restored.stop();
  });

  it('stops a tenant whose kept note is of another tree of the same size, without a new event', async () => {
    await signedOnce('acme', 'b');
    const origin = await originFor('acme');
    ground.kept.byOrigin.set(origin, first.sign(origin, { size: 2, root: sha256('another') }));
    ground.start({ holder: 'node-2' });
    await until(async () => (await troubles()).length > 0);
    expect(await troubles()).toEqual([['acme', 'the tree of 2 entries does not continue the last signed one, of 2']]);
  });

  it('looks into the tiles of no tenant whose kept note is that of its tree', async () => {
    const tenants = Array.from({ length: 30 }, (_, nth) => `t${nth}`);
    await signedOnce(...tenants);
    const [read, loads]: [string[], string[][]] = [[], []];
    const watched = Object.create(ground.record) as RecordStore;
    watched.tile = (tenant, ...rest) => {
      read.push(tenant);
      return ground.record.tile(tenant, ...rest);
    };
    watched.load = (wanted) => {
      loads.push([...wanted.tenants]);
      return ground.record.load(wanted);
    };
    watched.publish = (...args) => ground.record.publish(...args);
    ground.start({ holder: 'node-2', record: watched });
    await until(() => loads.length > 0);
    await append('last');
    await ground.signed();
    expect(new Set(read)).toEqual(new Set(['last']));
    expect(loads[0]?.toSorted()).toEqual(tenants.toSorted());
    expect(await troubles()).toEqual([]);
  });

  it('ignores the kept notes of other logs and of earlier incarnations', async () => {
    await signedOnce('acme');
    for (const origin of [originOf('another', 'first', 'acme'), originOf(await ground.log.identity(), 'zeroth', 'b')])
      ground.kept.byOrigin.set(origin, first.sign(origin, { size: 99, root: sha256('x') }));
    ground.start({ holder: 'node-2' });
    await append('c');
    await ground.signed();
    expect(await troubles()).toEqual([]);
  });

  it('reports a kept note that cannot be read, for its tenant alone', async () => {
    await signedOnce('acme', 'b');
    const kept = Object.create(ground.kept) as typeof ground.kept;
    kept.all = async function* () {
      yield { tenant: 'acme', note: undefined };
    };
    kept.read = async (origin) => {
      if (origin.endsWith('/acme')) throw Object.assign(new Error('no'), { code: 'EISDIR' });
      return ground.kept.read(origin);
    };
    kept.keep = (...args) => ground.kept.keep(...args);
    ground.start({ holder: 'node-2', kept });
    await append('b');
    await until(async () => (await ground.noted('b'))?.size === 3);
    await until(async () => (await troubles()).length > 0);
    expect(await troubles()).toEqual([
      ['acme', 'its last note cannot be read or kept outside the database: Error EISDIR'],
    ]);
  });

  it('says that notes lie in the database only, where its data directory lacks them or has earlier ones', async () => {
    await signedOnce('acme', 'b', 'c');
    const [acme, b] = [await originFor('acme'), await originFor('b')];
    const [entry] = await ground.entries('b');
    ground.kept.byOrigin.delete(acme);
    ground.kept.byOrigin.set(b, first.sign(b, { size: 1, root: (entry as { hash: Buffer }).hash }));
    const notary = ground.start({ holder: 'node-2' });
    await until(() => notary.state.is === 'recording' && notary.notesInDatabaseOnly > 0);
    expect(notary.notesInDatabaseOnly).toBe(2);
    expect(ground.warnings).toEqual([
      {
        facts: { trees: 2, tenant: 'acme' },
        message: 'the last notes of trees lie in the database only: the data directory does not have them',
      },
    ]);
    // It signs on, and keeps from then on.
    for (const tenant of ['acme', 'b']) await append(tenant);
    await ground.signed();
    await notary.stop();
    const next = ground.start({ holder: 'node-3' });
    await append('c');
    await ground.signed();
    expect([next.notesInDatabaseOnly, await troubles()]).toEqual([0, []]);
  });
});

it('a signer reads the note of a tree that is built again once, until the tree has reached it', async () => {
  await signedOnce('acme');
  const origin = await originFor('acme');
  let reads = 0;
  const kept = Object.create(ground.kept) as typeof ground.kept;
  kept.read = (...args) => {
    reads++;
    return ground.kept.read(...args);
  };
  await ground.kept.keep(origin, first.sign(origin, { size: 5, root: sha256('later') }));
  const signer = new TreeSigner({
    ...{ store: ground.record, kept, keys: new SigningKeys(first), clock: systemClock, warn: () => {} },
    ...{ identity: await ground.log.identity(), incarnation: 'first' },
  });
  const writer = { name: 'notary', epoch: 1 };
  for (let nth = 0; nth < 3; nth++) expect(await signer.sign(writer, ['acme'], false)).toEqual(['acme']);
  expect(reads).toBe(1);
  await signer.sign(writer, ['acme'], true);
  expect([reads, await troubles()]).toEqual([2, [['acme', 'the last note is of 5 entries, and the log makes only 2']]]);
});

it('a notary keeps the notes of several trees at once, within its bound', async () => {
  let [open, most] = [0, 0];
  const kept = Object.create(ground.kept) as typeof ground.kept;
  kept.keep = async (...args) => {
    most = Math.max(most, ++open);
    await new Promise((resolve) => setImmediate(resolve));
    open--;
    return ground.kept.keep(...args);
  };
  for (let nth = 0; nth < 40; nth++) await append(`t${nth}`);
  ground.start({ kept });
  await ground.signed();
  expect(most).toBe(recordLimits.recordSignedAtOnceMax);
  expect(await troubles()).toEqual([]);
});

describe('a notary with a new signing key', () => {
  const keys =
    (present: NoteSigner, ...earlier: NotePublicKey[]) =>
    async () =>
      new SigningKeys(present, earlier);
  const signers = async (tenant: string): Promise<boolean[]> => {
    const note = (await ground.record.lastNote(tenant))?.note ?? '';
    const origin = await originFor(tenant);
    return [first, second, third].map((key) => openNote(note, key.verifierKey(origin)) !== undefined);
  };

  it('signs the last size of every tree with both keys, also of idle ones, and later sizes with the new one', async () => {
    await signedOnce('acme', 'b');
    const before = (await ground.record.lastNote('acme'))?.note as string;
    ground.start({ holder: 'node-2', keys: keys(second, first) });
    await until(async () => (await signers('acme'))[1] === true && (await signers('b'))[1] === true);
    for (const tenant of ['acme', 'b']) {
      const origin = await originFor(tenant);
      const last = await ground.record.lastNote(tenant);
      expect([tenant, await signers(tenant), last?.size]).toEqual([tenant, [true, true, false], 2]);
      expect(last?.verifierKey).toBe(second.verifierKey(origin));
      expect(ground.kept.byOrigin.get(origin)).toBe(last?.note);
      expect(await ground.record.keyEnds(tenant)).toEqual([
        {
          ...{ tenant, verifierKey: first.verifierKey(origin), size: 2, note: last?.note },
          at: expect.stringMatching(/^\d{4}-.*Z$/),
        },
      ]);
    }
    expect(openNote(before, first.verifierKey(await originFor('acme')))).toMatchObject({ size: 2 });
    await append('acme');
    await ground.signed();
    expect(await signers('acme')).toEqual([false, true, false]);
    expect(await ground.record.keyEnds('acme')).toHaveLength(1);
    expect(await troubles()).toEqual([]);
  });

  it('goes on with the public part of the earlier key, and with a second replacement', async () => {
    await signedOnce('acme');
    const both = ground.start({ holder: 'node-2', keys: keys(second, first) });
    await until(async () => (await signers('acme'))[1] === true);
    await both.stop();
    const alone = ground.start({ holder: 'node-3', keys: keys(second, endedKey(first)) });
    await append('acme');
    await ground.signed();
    await alone.stop();
    ground.start({ holder: 'node-4', keys: keys(third, second, endedKey(first)) });
    await append('acme');
    await until(async () => (await ground.record.lastNote('acme'))?.size === 4);
    await append('acme');
    await until(async () => (await ground.record.lastNote('acme'))?.size === 5);
    expect(await signers('acme')).toEqual([false, false, true]);
    expect((await ground.record.keyEnds('acme')).map(({ verifierKey }) => verifierKey)).toEqual([
      first.verifierKey(await originFor('acme')),
      second.verifierKey(await originFor('acme')),
    ]);
    expect(await troubles()).toEqual([]);
  });

  it('signs with both keys after a crash between the note that is kept and the one that is published', async () => {
    await signedOnce('acme');
    const crashing = Object.create(ground.record) as RecordStore;
    crashing.publish = async () => {
      throw new TypeError('a crash');
    };
    const crashed = ground.start({ holder: 'node-2', record: crashing, keys: keys(second, first) });
    const origin = await originFor('acme');
    await until(() => openNote(ground.kept.byOrigin.get(origin) ?? '', second.verifierKey(origin)) !== undefined);
    await crashed.stop();
    expect(await signers('acme')).toEqual([true, false, false]);
    ground.start({ holder: 'node-3', keys: keys(second, first) });
    await until(async () => (await signers('acme'))[1] === true);
    expect(await signers('acme')).toEqual([true, true, false]);
    expect(await ground.record.keyEnds('acme')).toHaveLength(1);
  });

  it('that replaces a lost key signs alone, continues its last tree, and says where the lost one ended', async () => {
    await signedOnce('acme', 'b');
    const last = (await ground.record.lastNote('acme'))?.note as string;
    const origin = await originFor('b');
    ground.kept.byOrigin.set(origin, first.sign(origin, { size: 2, root: sha256('another') }));
    ground.start({ holder: 'node-2', keys: keys(second, endedKey(first)) });
    await append('acme');
    await until(async () => (await ground.record.lastNote('acme'))?.size === 3);
    expect(await signers('acme')).toEqual([false, true, false]);
    expect(await ground.record.keyEnds('acme')).toEqual([
      {
        ...{ tenant: 'acme', verifierKey: first.verifierKey(await originFor('acme')), size: 2, note: last },
        at: expect.any(String),
      },
    ]);
    // A lost key is no way past the note that it signed.
    await until(async () => (await troubles()).length > 0);
    expect(await troubles()).toEqual([['b', 'the tree of 2 entries does not continue the last signed one, of 2']]);
  });

  it('signs nothing without the key that signed before', async () => {
    await signedOnce('acme');
    ground.start({ holder: 'node-2', keys: keys(second) });
    await until(async () => (await troubles()).length > 0);
    expect(await troubles()).toEqual([['acme', 'the last note is not signed with the present key']]);
    expect(await signers('acme')).toEqual([true, false, false]);
  });
});
