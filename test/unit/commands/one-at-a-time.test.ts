import { describe, expect, it } from '@jest/globals';
import { OneAtATime } from '../../../src/commands/folds.js';
import { limits } from '../../../src/limits.js';
import { RetryableError } from '../../../src/ports/errors.js';
import { gate } from '../../support/gate.js';

describe('what is done about the same thing', () => {
  it('is done one after the other, in order, also behind what failed', async () => {
    const line = new OneAtATime();
    const { opened, open } = gate();
    const done: string[] = [];
    const first = line.run('a', async () => {
      await opened;
      done.push('first');
      throw new Error('failed');
    });
    const second = line.run('a', async () => void done.push('second'));
    await line.run('b', async () => void done.push('another'));
    open();
    await expect(first).rejects.toThrow('failed');
    await second;
    expect(done).toEqual(['another', 'first', 'second']);
  });

  it('does not wait without bound', async () => {
    const line = new OneAtATime();
    const { opened, open } = gate();
    const waiting = Array.from({ length: limits.writersWaitingMax }, () => line.run('a', () => opened));
    await expect(line.run('a', async () => {})).rejects.toBeInstanceOf(RetryableError);
    open();
    await Promise.all(waiting);
    expect(await line.run('a', async () => 'free again')).toBe('free again');
  });
});
