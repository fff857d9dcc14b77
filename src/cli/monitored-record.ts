import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { indexPath, TILE_WIDTH, type TileSlice } from '../formats/record-1/tiles.js';
import { BUNDLE_BYTES_MAX } from '../monitor/bundle.js';
import type { RecordSource } from '../monitor/record-monitor.js';
import { type Api, pathOf, Refused } from './api.js';
import { bytesUpTo } from './bounded-bytes.js';

const TAPE = 'generation-';
/** A note with some hundreds of signatures. */
const NOTE_BYTES_MAX = 64 * 1024;
const RECORD = '/api/v1/record';
const NOT_FOUND = 404;
/** Nothing of the kind exists yet. */
const CONFLICT = 409;

/** The record of the key's tenant, from a running server. */
export function recordOfServer(api: Api, { withTapes }: { readonly withTapes: boolean }): RecordSource {
  return {
    census: () => unlessMissing(api.get<unknown>(`${RECORD}/census`)),
    checkpoint: async () => (await api.bytes(`${RECORD}/checkpoint`, NOTE_BYTES_MAX)).bytes.toString('utf8'),
    keys: () => unlessMissing(api.get<unknown>(`${RECORD}/key`)),
    bundle: async (slice) => (await api.bytes(`${RECORD}/tile/${bundlePath(slice)}`, BUNDLE_BYTES_MAX)).bytes,
    async tape(stream) {
      if (!withTapes) return undefined;
      const path = pathOf('runs', stream.slice(TAPE.length), 'proof');
      return (await unlessMissing(api.get<AnsweredProof | null>(path)))?.tape?.events;
    },
  };
}

interface AnsweredProof {
  readonly tape: { readonly events: readonly string[] } | null;
}

async function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Refused && [NOT_FOUND, CONFLICT].includes(error.status)) return undefined;
    throw error;
  }
}

/** A record as files at the paths of C2SP tlog-tiles, with `census.json`, and `tape/<stream>` with a leaf on each line. */
export function recordInFolder(folder: string): RecordSource {
  return {
    async census() {
      return jsonIn(join(folder, 'census.json'));
    },
    keys: () => jsonIn(join(folder, 'key.json')),
    checkpoint: async () => (await fileUpTo(NOTE_BYTES_MAX, join(folder, 'checkpoint'))).toString('utf8'),
    bundle: (slice) => fileUpTo(BUNDLE_BYTES_MAX, join(folder, 'tile', bundlePath(slice))),
    async tape(stream) {
      const text = await unlessAbsent(readFile(join(folder, 'tape', stream), 'utf8'));
      return text?.replace(/\n$/, '').split('\n');
    },
  };
}

const fileUpTo = (bytesMax: number, file: string): Promise<Buffer> => bytesUpTo(bytesMax, file, createReadStream(file));

async function jsonIn(file: string): Promise<unknown> {
  const text = await unlessAbsent(readFile(file, 'utf8'));
  return text === undefined ? undefined : JSON.parse(text);
}

async function unlessAbsent<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

const bundlePath = ({ index, width }: Omit<TileSlice, 'level'>): string =>
  `entries/${indexPath(index)}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
