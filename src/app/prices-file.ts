import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { Errors, type ValueError, ValueErrorType } from '@sinclair/typebox/errors';
import { listPrices } from '../domain/list-prices.js';
import type { PriceList } from '../domain/prices.js';
import { InvalidRequest, pathTo } from '../http/invalid-request.js';
import { parseStrictJson } from '../http/strict-json.js';

const PRICES_FILE = 'prices.json';

/** A price is a text, because JSON libraries round numbers. */
const price = Type.String({
  pattern: '^(0|[1-9]\\d{0,8})(\\.\\d{1,12})?$',
  description: 'a decimal number in quotation marks, such as "2.50"',
});

const fields = Type.Object(
  {
    date: Type.String({
      pattern: '^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])$',
      description: 'a day, such as "2026-11-01"',
    }),
    currency: Type.String({ pattern: '^[A-Z]{3}$', description: 'a currency by its three letters, such as "USD"' }),
    models: Type.Record(
      Type.String(),
      Type.Object(
        { inputPerMillion: price, cachedInputPerMillion: Type.Optional(price), outputPerMillion: price },
        { additionalProperties: false, description: 'an object with inputPerMillion and outputPerMillion' },
      ),
      // A name with a line break does not match the pattern of names, and would not be checked at all.
      { additionalProperties: false, description: 'an object with a price for each model' },
    ),
  },
  { additionalProperties: false, description: 'an object with date, currency and models' },
);

export class InvalidPrices extends Error {
  constructor(
    file: string,
    readonly mistakes: readonly string[],
  ) {
    super([`The prices in ${file} cannot be used:`, ...mistakes.map((mistake) => `  ${mistake}`)].join('\n'));
  }
}

/** The prices of the file alone, or the built-in list if there is no file. Throws InvalidPrices with every mistake. */
export async function pricesIn(dataDir: string): Promise<PriceList> {
  const file = join(dataDir, PRICES_FILE);
  const bytes = await contentOf(file);
  if (!bytes) return listPrices;
  const value = parsed(file, bytes);
  const mistakes = mistakesIn(value);
  if (mistakes.length > 0) throw new InvalidPrices(file, mistakes);
  return value as Static<typeof fields>;
}

async function contentOf(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new InvalidPrices(file, [`it cannot be read: ${code}`]);
  }
}

/** Refuses repeated names: JSON.parse would silently keep the last price. */
function parsed(file: string, bytes: Buffer): unknown {
  try {
    return parseStrictJson(bytes);
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error;
    throw new InvalidPrices(
      file,
      error.errors.map(({ path, message }) => `${path || 'the file'}: ${message}`),
    );
  }
}

/** The first mistake of each place: TypeBox also reports that a missing value is no text. */
function mistakesIn(value: unknown): string[] {
  const first = new Map<string, ValueError>();
  for (const error of Errors(fields, value)) if (!first.has(error.path)) first.set(error.path, error);
  return [...first].map(([path, error]) => `${pathTo(stepsOf(path)) || 'the file'}: ${mistakeOf(error)}`);
}

function mistakeOf({ type, schema }: ValueError): string {
  return type === ValueErrorType.ObjectAdditionalProperties ? 'no such field' : `expected ${schema.description}`;
}

const stepsOf = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
