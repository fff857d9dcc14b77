import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { InvalidPrices, pricesIn } from '../../src/app/prices-file.js';
import { listPrices } from '../../src/domain/list-prices.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';

const model = { inputPerMillion: '2.50', outputPerMillion: '10' };
const list = { date: '2026-12-01', currency: 'EUR', models: { m: { ...model, cachedInputPerMillion: '0.1' } } };

const pricesOf = (content: object | string | Buffer) =>
  withTemporaryDirectory(async (dataDir) => {
    const bytes = typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content);
    await writeFile(join(dataDir, 'prices.json'), bytes);
    return pricesIn(dataDir);
  });

async function mistakesOf(content: object | string | Buffer): Promise<readonly string[]> {
  const error = await pricesOf(content).catch((reason: unknown) => reason);
  if (!(error instanceof InvalidPrices)) throw new Error(`not refused: ${error}`);
  return error.mistakes;
}

describe('the file of prices', () => {
  it('is not needed', async () => {
    expect(await withTemporaryDirectory(pricesIn)).toBe(listPrices);
    expect(await withTemporaryDirectory((dataDir) => pricesIn(join(dataDir, 'not', 'made', 'yet')))).toBe(listPrices);
  });

  it.each([
    [list],
    [{ ...list, models: {} }],
    [{ ...list, models: { 'org/m:free': { inputPerMillion: '0', outputPerMillion: '0.000000000001' } } }],
  ])('replaces all that is in the code: %j', async (content) => {
    expect(await pricesOf(content)).toEqual(content);
  });

  it('is refused with every mistake at once, and named', async () => {
    const content = {
      date: 'today',
      currency: 'usd',
      comment: '',
      models: {
        a: { inputPerMillion: 2.5 },
        'org/b~c': { ...model, cachedInputPerMillion: '-1', inputperMillion: '1' },
        d: null,
      },
    };
    const price = 'expected a decimal number in quotation marks, such as "2.50"';
    expect([...(await mistakesOf(content))].sort()).toEqual([
      'comment: no such field',
      'currency: expected a currency by its three letters, such as "USD"',
      'date: expected a day, such as "2026-11-01"',
      `models.a.inputPerMillion: ${price}`,
      `models.a.outputPerMillion: ${price}`,
      'models.d: expected an object with inputPerMillion and outputPerMillion',
      `models["org/b~c"].cachedInputPerMillion: ${price}`,
      'models["org/b~c"].inputperMillion: no such field',
    ]);
    await expect(pricesOf(content)).rejects.toThrow(/^The prices in \/.*\/prices\.json cannot be used:\n {2}\w/);
  });

  it.each([
    '',
    '1.',
    '.5',
    '01',
    '+1',
    '1e3',
    '1,5',
    ' 1',
    '1\n',
    '0x1',
    'NaN',
    '9'.repeat(10),
    `0.${'0'.repeat(12)}1`,
  ])('does not take %j for a price', async (text) => {
    const content = { ...list, models: { m: { ...model, outputPerMillion: text } } };
    expect(await mistakesOf(content)).toEqual([expect.stringMatching(/^models\.m\.outputPerMillion: expected/)]);
  });

  it.each([
    ['', 'the file: is not JSON'],
    ['{"date":', 'the file: is not JSON'],
    [Buffer.from([0xff]), 'the file: is not UTF-8'],
    ['[]', 'the file: expected an object with date, currency and models'],
    ['null', 'the file: expected an object with date, currency and models'],
    ['{"currency":"EUR","models":{"m":{},"m":{}}}', 'models.m: occurs twice in its object'],
    [{ ...list, models: { 'a\nb': 1 } }, 'models["a\\nb"]: no such field'],
    [{ ...list, models: [] }, 'models: expected an object with a price for each model'],
  ])('%j: %s', async (content, mistake) => {
    expect(await mistakesOf(content)).toEqual([mistake]);
  });

  it('is refused when it is there and cannot be read', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      await mkdir(join(dataDir, 'prices.json'));
      await expect(pricesIn(dataDir)).rejects.toThrow('prices.json cannot be used:\n  it cannot be read: EISDIR');
    });
  });
});
