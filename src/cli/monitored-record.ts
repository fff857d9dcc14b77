import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { indexPath, TILE_WIDTH, type TileSlice } from '../formats/record-1/tiles.js';
import type { PublishedCensus, PublishedKeys, RecordSource } from '../monitor/record-monitor.js';
import { type Api, pathOf, Refused } from './api.js';

const TAPE = 'generation-';
const RECORD = '/api/v1/record';
const NOT_FOUND = 404;
/** Nothing of the kind exists yet. */
const CONFLICT = 409;

/** The record of the key's tenant, from a running server. */
export function recordOfServer(api: Api, { withTapes }: { readonly withTapes: boolean }): RecordSource {
  return {
    census: () => unlessMissing(api.get<PublishedCensus>(`${RECORD}/census`)),
    checkpoint: async () => (await api.bytes(`${RECORD}/checkpoint`)).bytes.toString('utf8'),
    keys: () => unlessMissing(api.get<PublishedKeys>(`${RECORD}/key`)),
    bundle: async (slice) => (await api.bytes(`${RECORD}/tile/${bundlePath(slice)}`)).bytes,
    async tape(stream) {
      if (!withTapes) return undefined;
      const path = pathOf('runs', stream.slice(TAPE.length), 'proof');
      return (await unlessMissing(api.get<AnsweredProof>(path)))?.tape?.events;
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
      return jsonIn<PublishedCensus>(join(folder, 'census.json'));
    },
    keys: () => jsonIn<PublishedKeys>(join(folder, 'key.json')),
    checkpoint: () => readFile(join(folder, 'checkpoint'), 'utf8'),
    bundle: (slice) => readFile(join(folder, 'tile', bundlePath(slice))),
    async tape(stream) {
      const text = await unlessAbsent(readFile(join(folder, 'tape', stream), 'utf8'));
      return text?.replace(/\n$/, '').split('\n');
    },
  };
}

async function jsonIn<T>(file: string): Promise<T | undefined> {
  const text = await unlessAbsent(readFile(file, 'utf8'));
  return text === undefined ? undefined : (JSON.parse(text) as T);
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
