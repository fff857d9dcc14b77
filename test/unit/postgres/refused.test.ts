import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { systemicReason, unlessRefused } from '../../../src/adapters/postgres/views/refused.js';
import { RetryableError } from '../../../src/ports/errors.js';
import { ReadModelLost, StoreRefused } from '../../../src/ports/read-models/read-models.js';

const refusedWith = (code: string): pg.DatabaseError =>
  Object.assign(new pg.DatabaseError('a text of a user', 0, 'error'), { code });

describe('what a database answers a lane', () => {
  it.each(['42501', '42703', '42883', '0A000', '3F000', '25006', '53100', '53200', '58030', 'XX001'])(
    'with %s is about every statement, not about its rows',
    async (code) => {
      expect(systemicReason(code)).toContain(`(SQLSTATE ${code})`);
      const direct = unlessRefused('runs', Promise.reject(refusedWith(code)));
      await expect(direct).rejects.toBeInstanceOf(StoreRefused);
      const wrapped = new RetryableError('away', { cause: refusedWith(code) });
      await expect(unlessRefused('runs', Promise.reject(wrapped))).rejects.toThrow(
        expect.not.objectContaining({ message: expect.stringContaining('a text of a user') }),
      );
    },
  );

  it.each(['22021', '22P02', '23505', '23514', '54000', '40001', '53300', '57P01', '08006'])(
    'with %s is passed on as it is',
    async (code) => {
      expect(systemicReason(code)).toBeUndefined();
      const error = refusedWith(code);
      await expect(unlessRefused('runs', Promise.reject(error))).rejects.toBe(error);
    },
  );

  it('about a table that is gone asks for a rebuild', async () => {
    await expect(unlessRefused('runs', Promise.reject(refusedWith('42P01')))).rejects.toBeInstanceOf(ReadModelLost);
  });
});
