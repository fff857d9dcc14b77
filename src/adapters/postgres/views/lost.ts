import pg from 'pg';
import { ReadModelLost } from '../../../ports/read-models/read-models.js';

/** SQLSTATE of a statement about a table that was dropped by hand. */
const UNDEFINED_TABLE = '42P01';

export async function unlessLost<T>(projection: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === UNDEFINED_TABLE) throw new ReadModelLost(projection);
    throw error;
  }
}
