import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { nodeCrypto } from '../../../src/cli/node-crypto.js';
import { type BagText, textLine } from '../../../src/exports/bag/text-line.js';
import { sha256 } from '../../../src/formats/record-1/hashes.js';
import { base64, base64Bytes } from '../../../src/verifier/bytes.js';
import { entryLine } from '../../../src/verifier/entry.js';
import { type EventText, eventText } from '../../../src/verifier/event-text.js';
import { GrowingTree, leafHash, rootOf } from '../../../src/verifier/merkle.js';
import { NotAKey, Note } from '../../../src/verifier/note.js';
import { BagGround, mistakesIn, repacked, turn, type UnpackedBag, unpacked, verified } from '../../support/bags.js';

const PRIVATE_DER = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A witness as C2SP tlog-cosignature describes it. */
function witness(name: string) {
  const privateKey = createPrivateKey({
    key: Buffer.concat([PRIVATE_DER, sha256(name)]),
    format: 'der',
    type: 'pkcs8',
  });
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32);
  const typed = Buffer.concat([Buffer.from([4]), publicKey]);
  const id = sha256(Buffer.concat([Buffer.from(`${name}\n`), typed])).subarray(0, 4);
  return {
    key: `${name}+${id.toString('hex')}+${typed.toString('base64')}`,
    cosign(note: string, time: number): string {
      const text = note.slice(0, note.indexOf('\n\n') + 1);
      const head = Buffer.alloc(8);
      head.writeBigUInt64BE(BigInt(time));
      const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${text}`), privateKey);
      return `${note}— ${name} ${Buffer.concat([id, head, signature]).toString('base64')}\n`;
    },
  };
}

const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', '..', 'golden', 'record', 'worked-example.json'), 'utf8'),
);

describe('the worked example of the format', () => {
  const texts = golden.events.map((event: BagText) => {
    return eventText(textLine(event).line.slice(0, -1), nodeCrypto) as EventText;
  });

  it('has the bodies, the leaves of the tape and its root that the verifier reads from its texts', () => {
    expect(texts.slice(0, 2).map(({ body }: EventText) => body)).toEqual(golden.bodies.slice(0, 2));
    expect(texts.slice(2).map(({ leaf }: EventText) => leaf)).toEqual(golden.tapeLeaves);
    const tape = new GrowingTree(nodeCrypto);
    for (const leaf of golden.tapeLeaves) tape.add(leafHash(nodeCrypto, leaf));
    expect(base64(tape.root())).toBe(golden.tapeRoot);
  });

  it('has entries that the verifier reads, with its hashes, root and proof', () => {
    const hashes = golden.entries.map((text: string, index: number) => {
      expect(entryLine(`${index} ${text}`)).toEqual({ index, text, entry: JSON.parse(text) });
      return leafHash(nodeCrypto, text);
    });
    expect(hashes.map(base64)).toEqual(golden.leafHashes);
    const [left, right] = golden.proofOfEntry1.map((hash: string) => base64Bytes(hash));
    const proof = [
      { level: 0, index: 0, hash: left },
      { level: 0, index: 2, hash: right },
    ];
    const root = rootOf(nodeCrypto, 3, { indices: [1], hashes: [hashes[1]] }, proof) as Uint8Array;
    expect(base64(root)).toBe(golden.root);
    expect(rootOf(nodeCrypto, 3, { indices: [1], hashes: [hashes[1]] }, proof.toReversed())).toBeUndefined();
  });
});

describe('the witnesses of a bag', () => {
  const [one, other] = [witness('one.example/w'), witness('other.example/w')];
  let bag: UnpackedBag;
  beforeAll(async () => {
    const ground = new BagGround();
    await turn(await ground.chat('c1').started(), 'a', ['One']);
    await ground.record();
    bag = await unpacked(await ground.bag({ conversations: ['c1'] }));
  });

  const bagWith = (change: (note: string) => string) => {
    const files = new Map(bag.files);
    return repacked({
      top: bag.top,
      files: files.set('data/checkpoint.txt', change(files.get('data/checkpoint.txt') as string)),
    });
  };

  it('must all have cosigned', async () => {
    const both = await bagWith((note) => other.cosign(one.cosign(note, 1_700_000_000), 1_700_000_001));
    expect(mistakesIn(await verified(both, { witnesses: [one.key, other.key] }))).toEqual([]);
    const first = await bagWith((note) => one.cosign(note, 1_700_000_000));
    expect(mistakesIn(await verified(first, { witnesses: [one.key] }))).toEqual([]);
    expect(mistakesIn(await verified(first, { witnesses: [one.key, other.key] }))).toEqual([
      'data/checkpoint.txt: it is not cosigned by the witness other.example/w',
    ]);
  });

  it('have cosigned nothing if the time of a cosignature is another, or if it is of another note', async () => {
    const later = await bagWith((note) => {
      const lines = one.cosign(note, 1_700_000_000).split('\n');
      const [head, name, encoded] = (lines.at(-2) as string).split(' ') as [string, string, string];
      const bytes = Buffer.from(encoded, 'base64');
      bytes.writeBigUInt64BE(1_700_000_001n, 4);
      return [...lines.slice(0, -2), `${head} ${name} ${bytes.toString('base64')}`, ''].join('\n');
    });
    expect((await verified(later, { witnesses: [one.key] })).isIntact).toBe(false);
    const elsewhere = await bagWith((note) => {
      const line = one.cosign(note.replace('\n6\n', '\n7\n'), 1_700_000_000).split('\n').at(-2);
      return `${note}${line}\n`;
    });
    expect((await verified(elsewhere, { witnesses: [one.key] })).isIntact).toBe(false);
  });
});

describe('a note', () => {
  const { note, verifierKey: key } = golden as { note: string; verifierKey: string };

  it('of the worked example is signed by its key, and by no other', async () => {
    const parsed = Note.parse(note) as Note;
    expect(parsed.tree.size).toBe(3);
    expect(await parsed.isSignedBy(key, nodeCrypto)).toBe(true);
    await expect(parsed.isSignedBy(key.replace('+A', '+B'), nodeCrypto)).rejects.toThrow(NotAKey);
    expect(await (Note.parse(note.replace('\n3\n', '\n4\n')) as Note).isSignedBy(key, nodeCrypto)).toBe(false);
  });

  it.each([
    ['without a signature', (text: string) => text.slice(0, text.indexOf('\n\n') + 2)],
    ['with an extension line', (text: string) => text.replace('\n\n', '\nmore\n\n')],
    ['with a size of two forms', (text: string) => text.replace('\n3\n', '\n03\n')],
    ['with a root of two forms', (text: string) => text.replace('=\n\n', '\n\n')],
    ['without its last line feed', (text: string) => text.slice(0, -1)],
    ['with a line twice', (text: string) => text + text.slice(text.indexOf('\n\n') + 2)],
    ['with a line that is no signature', (text: string) => `${text}more\n`],
  ])('%s is none', (_, change) => {
    expect(Note.parse(change(note))).toBeUndefined();
  });
});
