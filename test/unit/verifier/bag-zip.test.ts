import { crc32 as nodeCrc32 } from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { crc32 } from '../../../src/verifier/crc32.js';
import { BagGround, mistakesIn, turn, type UnpackedBag, unpacked, verified, zipOf } from '../../support/bags.js';

let bytes: Buffer;
let bag: UnpackedBag;
beforeAll(async () => {
  const ground = new BagGround();
  await turn(await ground.chat('c1').started(), 'a', ['One']);
  await ground.record();
  bytes = await ground.bag({ conversations: ['c1'] });
  bag = await unpacked(bytes);
});

const zipWith = (pathOf: (path: string) => string, more: readonly (readonly [string, string])[] = []) =>
  zipOf([...[...bag.files].map(([path, text]) => [pathOf(`${bag.top}/${path}`), text] as const), ...more]);

const SIZE_IN_CENTRAL = 20;

/** The place of the central header of a file. */
const centralOf = (path: string): number => bytes.lastIndexOf(`${bag.top}/${path}`) - 46;

describe('a zip that is no bag', () => {
  it.each<[string, () => Promise<Buffer>]>([
    ['with a file that lies above it', () => zipWith((path) => path, [['../evil', 'x']])],
    ['with another file', () => zipWith((path) => path, [[`${bag.top}/data/more.txt`, 'x']])],
    ['with a file twice', () => zipWith((path) => path, [[`${bag.top}/bagit.txt`, 'x']])],
    ['whose directory lies above it', () => zipWith((path) => `../${path}`)],
    ['with absolute paths', () => zipWith((path) => `/${path}`)],
    ['with the paths of Windows', () => zipWith((path) => path.replaceAll('/', '\\'))],
    ['without a directory', () => zipWith((path) => path.slice(bag.top.length + 1))],
    ['with a file in another directory', () => zipWith((path) => path.replace(/^[^/]+(?=\/custody)/, 'other'))],
    ['with another name for a file', () => zipWith((path) => path.replace('entries.txt', 'entries.TXT'))],
    ['with a directory in a directory', () => zipWith((path) => `a/${path}`)],
    ['without any file', () => zipOf([])],
    ['with 20,000 files', () => zipOf(Array.from({ length: 20_000 }, (_, nth) => [`a/${nth}`, ''] as const))],
  ])('%s is refused before its content is read', async (_, make) => {
    const { isIntact, mistakes, facts } = await verified(await make());
    expect([isIntact, facts, mistakes.length]).toEqual([false, null, 1]);
  });

  it.each<[string, (zip: Buffer) => void]>([
    [
      'one file',
      (zip) => void zip.writeBigUInt64LE(2n ** 52n, centralOf('data/entries.txt') + 46 + SIZE_IN_CENTRAL + 9),
    ],
    ['its central directory', (zip) => void zip.writeBigUInt64LE(2n ** 52n, zip.length - 98 + 40)],
    ['all files', (zip) => void zip.writeBigUInt64LE(2n ** 63n, zip.length - 98 + 48)],
  ])('that promises more bytes of %s than it has is refused', async (_, promise) => {
    const zip = Buffer.from(bytes);
    promise(zip);
    expect((await verified(zip)).facts).toBeNull();
  });

  it('with a tree that is far larger than its entries is refused before memory is taken for it', async () => {
    const { top, files } = bag;
    const scope = (files.get('data/scope.json') as string)
      .replace('{"conversations":["c1"]}', '{"tenant":true}')
      .replace(/"size":\d+/, `"size":${2 ** 39}`);
    const zip = await zipOf(
      [...files].map(([path, text]) => [`${top}/${path}`, path === 'data/scope.json' ? scope : text]),
    );
    expect(mistakesIn(await verified(zip))).toContain(
      `data/entries.txt: is too short for a tree of ${2 ** 39} entries`,
    );
  });

  it('with an endless line is refused', async () => {
    const { top, files } = bag;
    const long = `0 ${'x'.repeat(9 * 1024 * 1024)}`;
    const zip = await zipOf(
      [...files].map(([path, text]) => [`${top}/${path}`, path === 'data/entries.txt' ? long : text]),
    );
    expect(mistakesIn(await verified(zip))).toContain('data/entries.txt: line 1 is too long');
  });

  it('with JSON that nests deeper than any reader recurses is refused', async () => {
    const { top, files } = bag;
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}\n`;
    for (const name of ['data/entries.txt', 'data/texts.jsonl', 'data/scope.json', 'custody.json']) {
      const text = name === 'data/entries.txt' ? `0 ${deep}` : deep;
      if (name === 'data/scope.json' || name === 'custody.json') expect(text.length).toBeGreaterThan(64 * 1024);
      const zip = await zipOf([...files].map(([path, own]) => [`${top}/${path}`, path === name ? text : own]));
      expect((await verified(zip)).isIntact).toBe(false);
    }
  });
});

describe('the CRC-32 of the verifier', () => {
  it('is that of zlib, for every length and in pieces', () => {
    const text = Buffer.from('The quick brown fox jumps over the lazy dog: é🙂'.repeat(3));
    for (let length = 0; length <= text.length; length++) {
      const [one, other] = [text.subarray(0, length), text.subarray(length)];
      expect(crc32(one)).toBe(nodeCrc32(one));
      expect(crc32(other, crc32(one))).toBe(nodeCrc32(text));
    }
  });
});
