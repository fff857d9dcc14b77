import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { RecordedEvent } from '../../../../src/events/envelope.js';
import { canonicalJson } from '../../../../src/formats/record-1/canonical-json.js';
import {
  blindLeaf,
  type CountedChain,
  censusLeaf,
  censusLeafHash,
  censusOf,
  chainKey,
  chainWith,
} from '../../../../src/formats/record-1/census.js';
import { Cosigner, cosignedAt } from '../../../../src/formats/record-1/cosignature.js';
import {
  bodyOfEvent,
  type ChainLink,
  type EventFacts,
  eventEntry,
  factsOf,
  needsOwnerLink,
  tapeEntry,
} from '../../../../src/formats/record-1/entry.js';
import { rootOf } from '../../../../src/formats/record-1/frontier.js';
import { base64, leafHash, sha256 } from '../../../../src/formats/record-1/hashes.js';
import { NoteSigner, openNote } from '../../../../src/formats/record-1/note.js';
import { rootFromInclusion } from '../../../../src/formats/record-1/proofs.js';
import { GapInTape, isSeal, TapeTree, tapeLeaf } from '../../../../src/formats/record-1/tape.js';

const FIRST: ChainLink = { n: 0, prev: null };
const commitment = base64(sha256('a text'));
const protectedText = { $p: 1, c: commitment, x: 'AAAA' };

const event = (data: unknown, meta: object = {}, rest: Partial<RecordedEvent> = {}): RecordedEvent => ({
  id: '01994a7e-5c00-7000-8000-000000000001',
  stream: 'conversation-c1',
  revision: 0,
  type: 'MessageSent',
  schema: 2,
  tenant: 'acme',
  at: '2026-01-12T09:30:26.001Z',
  data: typeof data === 'string' ? data : JSON.stringify(data),
  meta: JSON.stringify(meta),
  ...rest,
});
const bodyOf = (...args: Parameters<typeof event>) => bodyOfEvent(factsOf(event(...args)));
const rawBody = (each: RecordedEvent) => `{"raw":"${base64(sha256(`${each.data}\0${each.meta}`))}"}`;
const entryOf = (...args: Parameters<typeof event>) => JSON.parse(eventEntry(factsOf(event(...args)), FIRST));

describe('the worked example of the record format', () => {
  const file = join(import.meta.dirname, '..', '..', '..', 'golden', 'record', 'worked-example.json');
  const example = JSON.parse(readFileSync(file, 'utf8'));
  const facts = (example.events as RecordedEvent[]).map(factsOf);
  const [created, message, ...tape] = facts as [EventFacts, EventFacts, ...EventFacts[]];
  const seal = tape.at(-1) as EventFacts;
  const [leaf0, leaf1] = example.leafHashes.map((text: string) => Buffer.from(text, 'base64'));

  it('has these entries, bodies and leaves of its tape', () => {
    const tree = new TapeTree();
    for (const { event } of tape) tree.add(event);
    expect(tape.map(({ event }) => tapeLeaf(event))).toEqual(example.tapeLeaves);
    expect(tree.facts).toEqual({ events: 3, root: Buffer.from(example.tapeRoot, 'base64') });
    expect([
      eventEntry(created, FIRST),
      eventEntry(message, FIRST, { on: 0, oprev: null }),
      tapeEntry(seal, tree.facts, { n: 1, prev: leaf1 }),
    ]).toEqual(example.entries);
    expect([bodyOfEvent(created), bodyOfEvent(message), null]).toEqual(example.bodies);
    expect([needsOwnerLink(created, FIRST), needsOwnerLink(message, FIRST)]).toEqual([false, true]);
  });

  it('has this cosignature', () => {
    const { name, seed, time, verifierKey, line } = example.cosignature;
    const cosigner = new Cosigner(name, Buffer.from(seed, 'base64'));
    expect(cosigner.verifierKey).toBe(verifierKey);
    expect(cosigner.cosign(`${example.note.split('\n\n')[0]}\n`, time)).toBe(line);
    expect(cosignedAt(example.note + line, verifierKey)).toBe(time);
  });

  it('has this census', () => {
    const { census } = example;
    const chains = new Map<string, CountedChain>();
    for (const leaf of example.entries) {
      const entry = JSON.parse(leaf);
      chains.set(entry.chain, chainWith(chains.get(entry.chain), entry, leafHash(leaf)));
    }
    const inOrder = [...chains.values()].sort((one, other) => chainKey(one).compare(chainKey(other)));
    expect(inOrder.map(censusLeaf)).toEqual(census.leaves);
    expect(inOrder.map(chainKey).map(base64)).toEqual(census.keys);
    expect(inOrder.map(blindLeaf).map(({ text }) => base64(text))).toEqual(census.textHashes);
    expect(inOrder.map(blindLeaf).map(censusLeafHash).map(base64)).toEqual(census.leafHashes);
    const { root, ...counted } = censusOf(3, chains.values());
    expect([counted, base64(root)]).toEqual([{ size: census.size, count: census.count }, census.root]);
  });

  it('has this tree, proof and note', () => {
    const leaves = example.entries.map(leafHash);
    expect(leaves.map(base64)).toEqual(example.leafHashes);
    expect(base64(rootOf(leaves))).toBe(example.root);
    const path = example.proofOfEntry1.map((text: string) => Buffer.from(text, 'base64'));
    expect(path[0]).toEqual(leaf0);
    expect(rootFromInclusion(1, 3, leaf1, path)).toEqual(rootOf(leaves));
    const signer = new NoteSigner(Buffer.from(example.seed, 'base64'));
    expect(signer.verifierKey(example.origin)).toBe(example.verifierKey);
    expect(signer.sign(example.origin, { size: 3, root: rootOf(leaves) })).toBe(example.note);
    expect(openNote(example.note, example.verifierKey)).toEqual({ size: 3, root: rootOf(leaves) });
  });

  it('is printed in docs/record-format.md', () => {
    const page = readFileSync(join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'record-format.md'), 'utf8');
    const { entries, bodies, tapeLeaves, leafHashes, root, proofOfEntry1, seed, verifierKey, note } = example;
    const printed = [
      ...entries,
      ...bodies.slice(0, 2),
      ...tapeLeaves,
      ...leafHashes,
      root,
      ...proofOfEntry1,
      seed,
      verifierKey,
      note,
    ];
    expect(printed.filter((text) => !page.includes(text))).toEqual([]);
  });
});

describe('the body of an event', () => {
  it('is the hash of the stored texts of an event without protection, also if they are no JSON', () => {
    for (const each of [
      event({ b: 1, a: '\ud83d' }),
      event('no JSON'),
      event({ $p: 1 }, { p: '1' }),
      event({}, { p: 2 }),
    ]) {
      expect(bodyOfEvent(factsOf(each))).toBe(rawBody(each));
    }
  });

  it('is canonical after protection, with each protected value reduced to its commitment', () => {
    const data = { z: [protectedText, { text: protectedText }], a: 1.0, owner: null };
    const meta = { p: 1, owner: 'u1' };
    const text = `{"data":{"a":1,"owner":null,"z":[{"$c":"${commitment}"},{"text":{"$c":"${commitment}"}}]},"meta":{"owner":"u1","p":1}}`;
    expect(bodyOf(data, meta)).toBe(text);
    expect(bodyOf(JSON.stringify(data, null, 1), meta)).toBe(text);
  });

  it('stays the same when the encrypted part is gone or replaced, and changes with the commitment', () => {
    const other = { ...protectedText, c: base64(sha256('another text')) };
    const body = bodyOf({ text: protectedText }, { p: 1 });
    expect(bodyOf({ text: { ...protectedText, x: '' } }, { p: 1 })).toBe(body);
    expect(bodyOf({ text: other }, { p: 1 })).not.toBe(body);
  });

  it.each([
    ['a clear value that looks like a reduced one', { text: { $c: commitment } }],
    ['a planted marker', { text: { $p: 1 } }],
    ['a protected value with another member', { text: { ...protectedText, y: 1 } }],
    ['a protected value of another version', { text: { ...protectedText, $p: 2 } }],
    ['a commitment that is no hash', { text: { ...protectedText, c: 'AAAA' } }],
    ['a commitment in another spelling', { text: { ...protectedText, c: `${commitment}\n` } }],
    ['an encrypted part that is no text', { text: { ...protectedText, x: 1 } }],
    ['a clear text with a lone surrogate', { text: 'a\ud83d' }],
    ['a number that JSON cannot hold', '{"text":1e999}'],
    ['data that are no JSON', '{'],
    ['data that nest too deep', `${'['.repeat(20_000)}${']'.repeat(20_000)}`],
  ])('is the hash of the stored texts of a protected event with %s', (_, data) => {
    const each = event(data, { p: 1 });
    expect(bodyOfEvent(factsOf(each))).toBe(rawBody(each));
  });
});

describe('an entry', () => {
  it('is canonical, and names its event, its chain and the hash of the body', () => {
    const each = event({ text: 'a' }, { conversation: 'c1', owner: 'ada' });
    const text = eventEntry(factsOf(each), { n: 7, prev: sha256('before') });
    expect(canonicalJson(JSON.parse(text))).toBe(text);
    expect(JSON.parse(text)).toEqual({
      at: each.at,
      body: base64(sha256(rawBody(each))),
      chain: 'conversation-c1',
      id: each.id,
      kind: 'event',
      n: 7,
      owner: null,
      prev: base64(sha256('before')),
      rev: 0,
      schema: 2,
      stream: 'conversation-c1',
      tenant: 'acme',
      type: 'MessageSent',
      v: 1,
    });
  });

  it('names the owner after protection alone', () => {
    expect(entryOf({}, { owner: 'u1', p: 1 }).owner).toBe('u1');
    expect(entryOf({}, { owner: 'ada' }).owner).toBeNull();
    for (const owner of [undefined, 7, '', 'a b', '\ud83d', 'u'.repeat(101)]) {
      expect(entryOf({}, { owner, p: 1 }).owner).toBeNull();
    }
  });

  it.each([
    ['the conversation of the metadata', { conversation: 'c9' }, 'conversation-c9'],
    ['the stream if the metadata have none', {}, 'generation-g1'],
    ['the stream if the conversation is no text', { conversation: 9 }, 'generation-g1'],
    ['the stream if the conversation can be no stream', { conversation: 'a b' }, 'generation-g1'],
    ['the stream if the conversation is too long', { conversation: 'c'.repeat(188) }, 'generation-g1'],
  ])('is in the chain of %s', (_, meta, chain) => {
    expect(entryOf({}, meta, { stream: 'generation-g1' }).chain).toBe(chain);
  });

  it.each(['{', '[]', 'null', '7'])('is in the chain of its stream if the metadata are %s', (meta) => {
    const facts = factsOf({ ...event({}), meta });
    expect([facts.chain, facts.owner, bodyOfEvent(facts)]).toEqual(['conversation-c1', null, rawBody(facts.event)]);
  });

  it('names the conversation of its owner before it where it is the first of a conversation', () => {
    const facts = factsOf(event({}, { conversation: 'c1', owner: 'u1', p: 1 }));
    const elsewhere = factsOf(event({}, { owner: 'u1', p: 1 }, { stream: 'tenant-acme' }));
    expect(needsOwnerLink(facts, FIRST)).toBe(true);
    expect(needsOwnerLink(facts, { n: 1, prev: null })).toBe(false);
    expect(needsOwnerLink(elsewhere, FIRST)).toBe(false);
    expect(needsOwnerLink(factsOf(event({}, { conversation: 'c1', owner: 'ada' })), FIRST)).toBe(false);
    const text = eventEntry(facts, FIRST, { on: 3, oprev: sha256('before') });
    expect(JSON.parse(text)).toMatchObject({ on: 3, oprev: base64(sha256('before')), prev: null });
    expect(canonicalJson(JSON.parse(text))).toBe(text);
  });

  it('of the longest names is far below its bound', () => {
    const longest = factsOf(
      event(
        {},
        { conversation: 'c'.repeat(187), owner: `u${'a'.repeat(52)}`, p: 1 },
        {
          stream: `generation-${'g'.repeat(189)}`,
          tenant: 't'.repeat(100),
          type: 'T'.repeat(100),
          revision: 2 ** 31 - 1,
          schema: 2 ** 31 - 1,
        },
      ),
    );
    const hash = sha256('');
    const link = { n: Number.MAX_SAFE_INTEGER, prev: hash };
    const owner = { on: Number.MAX_SAFE_INTEGER, oprev: hash };
    expect(eventEntry(longest, link, owner).length).toBeLessThan(1_300);
    expect(tapeEntry(longest, { events: 2 ** 31, root: hash }, link, owner).length).toBeLessThan(1_300);
    const tooLong = { ...longest, event: { ...longest.event, tenant: 't'.repeat(2_000) } };
    expect(() => eventEntry(tooLong, link)).toThrow('longer than 2048 bytes');
  });
});

describe('the entry of a tape', () => {
  const stream = 'generation-g1';
  const piece = (revision: number, data: unknown = { text: `${revision}` }, meta: object = { conversation: 'c1' }) =>
    event(data, meta, { stream, revision, type: 'DeltaReceived' });

  it('commits to each event of the tape, in the chain of its conversation', () => {
    const tree = new TapeTree();
    for (const revision of [0, 1, 2]) tree.add(piece(revision));
    const seal = factsOf(event({}, { conversation: 'c1' }, { stream, revision: 2, type: 'AttemptEnded' }));
    const entry = JSON.parse(tapeEntry(seal, tree.facts, { n: 4, prev: null }));
    const root = base64(rootOf([0, 1, 2].map((revision) => leafHash(tapeLeaf(piece(revision))))));
    expect(entry).toMatchObject({ kind: 'tape', chain: 'conversation-c1', events: 3, root, rev: 2, n: 4 });
    expect(entry).not.toHaveProperty('body');
    const changed = new TapeTree();
    for (const revision of [0, 1, 2]) changed.add(piece(revision, { text: revision === 1 ? 'x' : `${revision}` }));
    expect(changed.facts.root).not.toEqual(tree.facts.root);
  });

  it('has the reduced content of protected events, and the hash of others, a lone surrogate included', () => {
    const meta = { conversation: 'c1', p: 1 };
    expect(JSON.parse(tapeLeaf(piece(1, { text: protectedText }, meta)))).toEqual({
      at: '2026-01-12T09:30:26.001Z',
      data: { text: { $c: commitment } },
      id: '01994a7e-5c00-7000-8000-000000000001',
      meta,
      rev: 1,
      schema: 2,
      type: 'DeltaReceived',
    });
    const half = piece(1, { text: '\ud83d' });
    expect(JSON.parse(tapeLeaf(half))).toEqual({
      at: half.at,
      id: half.id,
      raw: base64(sha256(`${half.data}\0${half.meta}`)),
      rev: 1,
      schema: 2,
      type: 'DeltaReceived',
    });
  });

  it('cannot be made of a tape that lacks an event', () => {
    const tree = new TapeTree();
    tree.add(piece(0));
    expect(() => tree.add(piece(2))).toThrow(GapInTape);
    expect(() => new TapeTree().add(piece(1))).toThrow('the log lacks event 0 of generation-g1');
  });

  it('is at the end of an attempt after which no other follows', () => {
    const end = (data: string, type = 'AttemptEnded', of = stream) => isSeal({ stream: of, type, data });
    expect(end('{"outcome":"completed"}')).toBe(true);
    expect(end('{"retryAt":"2026-01-12T09:31:00.000Z"}')).toBe(false);
    expect(end('{', 'AttemptEnded')).toBe(true);
    expect(end('null')).toBe(true);
    expect(end('{}', 'GenerationClaimed')).toBe(false);
    expect(end('{}', 'AttemptEnded', 'conversation-c1')).toBe(false);
  });
});
