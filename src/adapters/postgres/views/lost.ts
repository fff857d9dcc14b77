import pg from 'pg';
import { ReadModelLost } from '../../../ports/read-models/read-models.js';

/** SQLSTATE codes of a statement about tables that were dropped by hand, or that a newer version has not filled yet. */
const UNDEFINED_TABLE = '42P01';
const UNDEFINED_COLUMN = '42703';

export async function unlessLost<T>(projection: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const code = error instanceof pg.DatabaseError ? error.code : undefined;
    if (code === UNDEFINED_TABLE || code === UNDEFINED_COLUMN) throw new ReadModelLost(projection);
    throw error;
  }
}
