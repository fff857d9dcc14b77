import { areEqual, type ByteSource, bytesOf, joined, utf8 } from './bytes.js';
import { Unreadable } from './findings.js';

/** A file of the bag, as its headers describe it. Whether the content has this CRC is not checked yet. */
export interface BagFile {
  /** Below the top directory. */
  readonly path: string;
  readonly content: ByteSource;
  readonly crc: number;
}

const REVEALED = ['data/texts.jsonl', 'data/reveals.jsonl'];
const PATHS = [
  'bagit.txt',
  'data/scope.json',
  'data/checkpoint.txt',
  'data/vkey.txt',
  'data/entries.txt',
  ...REVEALED,
  'data/proof.txt',
  'bag-info.txt',
  'custody.json',
  'manifest-sha256.txt',
  'tagmanifest-sha256.txt',
];
const PATHS_OF_ENTRIES_ALONE = PATHS.filter((path) => !REVEALED.includes(path));

/** Every other file is read line by line, or is a few lines long. */
const BYTES_MAX: Readonly<Record<string, number>> = {
  // 10,000 ids of at most 200 characters.
  'data/scope.json': 4 * 1024 * 1024,
  // 10,000 paths in the largest tree, each with 53 lines of at most 70 bytes.
  'data/proof.txt': 40 * 1024 * 1024,
  'data/entries.txt': Number.MAX_SAFE_INTEGER,
  'data/texts.jsonl': Number.MAX_SAFE_INTEGER,
  'data/reveals.jsonl': Number.MAX_SAFE_INTEGER,
};
const SMALL_BYTES_MAX = 64 * 1024;

const ZIP = 'the zip file';
const END_BYTES = 56 + 20 + 22;
const CENTRAL_BYTES_MAX = 64 * 1024;
const LOCAL_BYTES = 30 + 20;
const CENTRAL_BYTES = 46 + 28;
const DESCRIPTOR_BYTES = 24;
const TOP = /^[A-Za-z0-9][A-Za-z0-9._-]{0,250}$/;

/**
 * The files of a bag. The zip may have one form alone, so each header is written again and compared, and no byte of the archive is
 * outside a header and a known file. Nothing is unpacked, no name is used as a path, and no size is believed before it is checked.
 */
export async function openBag(zip: ByteSource): Promise<{ readonly top: string; readonly files: readonly BagFile[] }> {
  if (zip.size < END_BYTES) throw new Unreadable(ZIP, 'is too short');
  const centralEnd = zip.size - END_BYTES;
  const end = await viewOf(zip.slice(centralEnd));
  const [count, centralBytes, centralStart] = [u64(end, 32), u64(end, 40), u64(end, 48)];
  const expectedEnd = endOf(count, centralBytes, centralStart);
  if (!areEqual(bytesIn(end), expectedEnd)) throw new Unreadable(ZIP, 'has another end than the format says');
  if (centralStart + centralBytes !== centralEnd || centralBytes > CENTRAL_BYTES_MAX) {
    throw new Unreadable(ZIP, 'has a central directory of another length or place');
  }
  const paths = count === PATHS.length ? PATHS : PATHS_OF_ENTRIES_ALONE;
  if (count !== paths.length) throw new Unreadable(ZIP, `has ${count} files, which is no number of files of a bag`);
  const central = await viewOf(zip.slice(centralStart, centralEnd));
  const top = topIn(central);
  const files: BagFile[] = [];
  let [at, offset] = [0, 0];
  for (const path of paths) {
    const name = utf8(`${top}/${path}`);
    if (at + CENTRAL_BYTES + name.length > central.byteLength) throw new Unreadable(ZIP, `lacks ${path}`);
    const [crc, bytes] = [central.getUint32(at + 16, true), u64(central, at + 46 + name.length + 4)];
    const header = centralHeader(name, crc, bytes, offset);
    if (!areEqual(bytesIn(central).subarray(at, at + header.length), header)) {
      throw new Unreadable(path, 'has another central header in the zip file than the format says');
    }
    const begin = offset + LOCAL_BYTES + name.length;
    if (begin + bytes + DESCRIPTOR_BYTES > centralStart || bytes > (BYTES_MAX[path] ?? SMALL_BYTES_MAX)) {
      throw new Unreadable(path, 'is larger than it may be');
    }
    const before = await bytesOf(zip.slice(offset, begin));
    const behind = await bytesOf(zip.slice(begin + bytes, begin + bytes + DESCRIPTOR_BYTES));
    if (!areEqual(before, localHeader(name)) || !areEqual(behind, descriptor(crc, bytes))) {
      throw new Unreadable(path, 'has another local header or descriptor in the zip file than the format says');
    }
    files.push({ path, content: zip.slice(begin, begin + bytes), crc });
    at += header.length;
    offset = begin + bytes + DESCRIPTOR_BYTES;
  }
  if (offset !== centralStart || at !== central.byteLength) throw new Unreadable(ZIP, 'has bytes between its files');
  return { top, files };
}

/** The top directory, from the name of the first file. */
function topIn(central: DataView): string {
  const length = central.byteLength > CENTRAL_BYTES ? central.getUint16(28, true) : 0;
  const name = String.fromCharCode(...bytesIn(central).subarray(46, 46 + length));
  const top = name.endsWith(`/${PATHS[0]}`) ? name.slice(0, -`/${PATHS[0]}`.length) : '';
  if (!TOP.test(top)) throw new Unreadable(ZIP, `does not begin with <tenant>-<size>/${PATHS[0]}`);
  return top;
}

const viewOf = async (blob: ByteSource): Promise<DataView> => new DataView(await blob.arrayBuffer());

const bytesIn = ({ buffer, byteOffset, byteLength }: DataView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function u64(view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw new Unreadable(ZIP, 'has a number that no file can have');
  return value;
}

const [B2, B4, B8] = [2, 4, 8] as const;
const MAX16 = 0xffff;
const MAX32 = 0xffffffff;

/** Little-endian numbers, each with its width in bytes. */
function numbers(...fields: readonly (readonly [width: 2 | 4 | 8, value: number])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [width]) => sum + width, 0)));
  let at = 0;
  for (const [width, value] of fields) {
    if (width === B2) view.setUint16(at, value, true);
    else if (width === B4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += width;
  }
  return bytesIn(view);
}

const zeros = (count: number) => Array.from({ length: count }, () => [B2, 0] as const);
/** Version, flags, method, time and date. */
const KIND = [[B2, 45], [B2, 0x0808], ...zeros(2), [B2, 0x0021]] as const;

const localHeader = (name: Uint8Array): Uint8Array =>
  joined(
    numbers([B4, 0x04034b50], ...KIND, [B4, 0], [B4, MAX32], [B4, MAX32], [B2, name.length], [B2, 20]),
    name,
    numbers([B2, 1], [B2, 16], [B8, 0], [B8, 0]),
  );

const descriptor = (crc: number, bytes: number): Uint8Array =>
  numbers([B4, 0x08074b50], [B4, crc], [B8, bytes], [B8, bytes]);

const centralHeader = (name: Uint8Array, crc: number, bytes: number, offset: number): Uint8Array =>
  joined(
    numbers([B4, 0x02014b50], [B2, 45], ...KIND, [B4, crc], [B4, MAX32], [B4, MAX32], [B2, name.length], [B2, 28]),
    // Comment, disk, and attributes.
    numbers([B2, 0], [B2, 0], [B2, 0], [B4, 0], [B4, MAX32]),
    name,
    numbers([B2, 1], [B2, 24], [B8, bytes], [B8, bytes], [B8, offset]),
  );

const endOf = (count: number, centralBytes: number, centralStart: number): Uint8Array =>
  numbers(
    ...([
      [B4, 0x06064b50],
      [B8, 44],
      [B2, 45],
      [B2, 45],
      [B4, 0],
      [B4, 0],
    ] as const),
    ...([
      [B8, count],
      [B8, count],
      [B8, centralBytes],
      [B8, centralStart],
    ] as const),
    ...([
      [B4, 0x07064b50],
      [B4, 0],
      [B8, centralStart + centralBytes],
      [B4, 1],
    ] as const),
    ...([
      [B4, 0x06054b50],
      [B2, 0],
      [B2, 0],
      [B2, MAX16],
      [B2, MAX16],
      [B4, MAX32],
      [B4, MAX32],
      [B2, 0],
    ] as const),
  );
