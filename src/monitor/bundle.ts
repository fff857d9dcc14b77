import { TILE_WIDTH } from '../formats/record-1/tiles.js';
import { ENTRY_BYTES_MAX } from './read-entry.js';

const LENGTH_BYTES = 2;
export const BUNDLE_BYTES_MAX = TILE_WIDTH * (LENGTH_BYTES + ENTRY_BYTES_MAX);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The entries of a bundle of C2SP tlog-tiles: each after its length in two bytes. Undefined if the bytes are none. */
export function bundledEntries(bundle: Uint8Array): readonly string[] | undefined {
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  const entries: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < LENGTH_BYTES) return undefined;
    const from = at + LENGTH_BYTES;
    at = from + bytes.readUInt16BE(at);
    const entry = at <= bytes.length ? textIn(bytes.subarray(from, at)) : undefined;
    if (entry === undefined) return undefined;
    entries.push(entry);
  }
  return entries;
}

function textIn(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return undefined;
  }
}
