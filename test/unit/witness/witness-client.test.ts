import { describe, expect, it } from '@jest/globals';
import { WitnessClient } from '../../../src/adapters/witness/witness-client.js';
import { RetryableError } from '../../../src/ports/errors.js';
import { recordLimits } from '../../../src/record-limits.js';
import { answering, type PlannedAnswer } from '../../support/answering-server.js';

const asked = (answer: PlannedAnswer) =>
  answering(answer, async ({ url, asked: requests }) => {
    const reply = await new WitnessClient(url, 'w+00+A').add('old 0\n').catch((error) => error);
    return [reply, requests];
  });

describe('the client of a witness', () => {
  it('posts to its address, and reads cosignatures, sizes and refusals', async () => {
    const request = ['POST /add-checkpoint'];
    expect(await asked({ body: '— w AA==\n' })).toEqual([{ is: 'cosigned', lines: '— w AA==\n' }, request]);
    expect(await asked({ status: 409, body: '12\n' })).toEqual([{ is: 'at', size: 12 }, request]);
    expect(await asked({ status: 409, body: 'no' })).toEqual([{ is: 'refused', status: 409 }, request]);
    for (const status of [400, 403, 404, 422]) {
      expect(await asked({ status, body: 'why' })).toEqual([{ is: 'refused', status }, request]);
    }
  });

  it('counts a witness as away that fails, redirects, answers without end, or is not there', async () => {
    const headers = { location: 'http://169.254.169.254/latest' };
    const long = 'x'.repeat(recordLimits.witnessBodyBytesMax + 1);
    for (const answer of [{ status: 500, body: '' }, { status: 307, headers, body: '' }, { body: long }]) {
      const [reply, requests] = await asked(answer);
      expect(reply).toBeInstanceOf(RetryableError);
      expect(requests).toHaveLength(1);
    }
    await expect(new WitnessClient('http://127.0.0.1:1', 'w+00+A').add('')).rejects.toBeInstanceOf(RetryableError);
  });
});
