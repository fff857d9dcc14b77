import type { BagFile } from './bag-zip.js';
import { type ByteSource, bytesOf, hex, type VerifierCrypto } from './bytes.js';
import { crc32 } from './crc32.js';
import { type Findings, Unreadable } from './findings.js';

const PIECE_BYTES = 1024 * 1024;
const TAG_FILES = ['bagit.txt', 'bag-info.txt', 'custody.json', 'manifest-sha256.txt'];
const BAGIT = 'BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n';

/** Reads every file once, and compares it with its CRC-32 and its line in a manifest. */
export async function checkManifests(
  files: readonly BagFile[],
  crypto: VerifierCrypto,
  findings: Findings,
): Promise<void> {
  const hashes = new Map<string, string>();
  for (const file of files) {
    const { sha256, crc } = await sumsOf(file.content, crypto);
    hashes.set(file.path, sha256);
    findings.unless(crc === file.crc, file.path, 'its bytes do not have the CRC-32 in the zip file');
  }
  const data = files.map(({ path }) => path).filter((path) => path.startsWith('data/'));
  await compare(files, 'manifest-sha256.txt', data, hashes, findings);
  await compare(files, 'tagmanifest-sha256.txt', TAG_FILES, hashes, findings);
  const bagit = await textOf(files, 'bagit.txt');
  findings.unless(bagit === BAGIT, 'bagit.txt', 'is not that of BagIt 1.0 in UTF-8');
}

async function sumsOf(content: ByteSource, crypto: VerifierCrypto): Promise<{ sha256: string; crc: number }> {
  const hash = crypto.hashing();
  let crc = 0;
  for (let at = 0; at < content.size; at += PIECE_BYTES) {
    const piece = await bytesOf(content.slice(at, at + PIECE_BYTES));
    hash.update(piece);
    crc = crc32(piece, crc);
  }
  return { sha256: hex(hash.digest()), crc };
}

async function compare(
  files: readonly BagFile[],
  manifest: string,
  paths: readonly string[],
  hashes: ReadonlyMap<string, string>,
  findings: Findings,
): Promise<void> {
  const text = await textOf(files, manifest);
  const expected = paths.map((path) => `${hashes.get(path)}  ${path}\n`);
  if (text === expected.join('')) return;
  const wrong = paths.filter((_, nth) => !text.includes(expected[nth] as string));
  for (const path of wrong) findings.mistake(path, `its SHA-256 is not in ${manifest}`);
  if (wrong.length === 0) findings.mistake(manifest, 'has other lines than one for each file');
}

/** A file of a few lines. */
export async function textOf(files: readonly BagFile[], path: string): Promise<string> {
  const file = files.find((each) => each.path === path);
  if (!file) throw new Unreadable(path, 'is missing');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await file.content.arrayBuffer());
  } catch {
    throw new Unreadable(path, 'is not UTF-8');
  }
}

/** What `bag-info.txt` says of a bag that was made at this time. */
export function bagInfoOf(files: readonly BagFile[], at: string): string {
  const data = files.filter(({ path }) => path.startsWith('data/'));
  const octets = data.reduce((sum, { content }) => sum + content.size, 0);
  const oxum = `${octets}.${data.length}`;
  return `Bag-Software-Agent: verbatim\nBagging-Date: ${at.slice(0, 10)}\nPayload-Oxum: ${oxum}\n`;
}
