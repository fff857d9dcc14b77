import { describe, expect, it } from '@jest/globals';
import { BackgroundFailures, BackgroundPart } from '../../../src/background/background-part.js';
import { limits } from '../../../src/limits.js';
import { RetryableError } from '../../../src/ports/errors.js';

const denied = Object.assign(new Error('it quotes a person'), { code: '42501' });

function observed() {
  const counted: string[] = [];
  const logged: object[] = [];
  const meter = { backgroundFailed: (part: string) => void counted.push(part) };
  const failures = new BackgroundFailures(meter, (facts) => void logged.push(facts));
  return { counted, logged, failures, part: new BackgroundPart('a part', failures) };
}

const failing = async () => {
  throw denied;
};

describe('a part of the background work', () => {
  it('is logged, counted and failing with its reason, but not with the words of the error, when it fails', async () => {
    const { counted, logged, failures, part } = observed();
    await part.attempt(failing);
    expect(counted).toEqual(['a part']);
    expect(logged).toEqual([{ part: 'a part', err: denied }]);
    expect([...failures.failing]).toEqual([['a part', 'Error 42501']]);
  });

  it('pauses longer after each failure, up to a bound, and not at all once it has succeeded', async () => {
    const { part, failures } = observed();
    const pauses = [];
    for (let nth = 0; nth < 10; nth++) pauses.push(await part.attempt(failing));
    expect(pauses.slice(0, 3)).toEqual([500, 1_000, 2_000]);
    expect(pauses.at(-1)).toBe(limits.backgroundBackoffMs.most);
    expect(await part.attempt(async () => {})).toBe(0);
    expect(failures.failing.size).toBe(0);
    expect(await part.attempt(failing)).toBe(limits.backgroundBackoffMs.first);
  });

  it('is not failing in an outage, and stays failing through one', async () => {
    const { part, failures } = observed();
    const outage = async () => {
      throw new RetryableError('away');
    };
    expect(await part.attempt(outage)).toBe(0);
    expect(failures.failing.size).toBe(0);
    await part.attempt(failing);
    await part.attempt(outage);
    expect(failures.failing.size).toBe(1);
  });
});
