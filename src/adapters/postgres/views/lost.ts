import pg from 'pg';
import { ReadModelLost } from '../../../ports/read-models/read-models.js';

/** SQLSTATE of a statement about a table that was dropped by hand. */
const UNDEFINED_TABLE = '42P01';
/** The same about a column: the build that is read is of an older version, and that of this version is being filled. */
const UNDEFINED_COLUMN = '42703';

/** For queries: until the build of their version is live, a column that they need may be missing. */
export async function unlessUnreadable<T>(projection: string, answer: Promise<T>): Promise<T> {
  try {
    return await unlessLost(projection, answer);
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === UNDEFINED_COLUMN) throw new ReadModelLost(projection);
    throw error;
  }
}

export async function unlessLost<T>(projection: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === UNDEFINED_TABLE) throw new ReadModelLost(projection);
    throw error;
  }
}
