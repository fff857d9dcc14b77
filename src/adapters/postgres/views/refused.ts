import pg from 'pg';
import { StoreRefused } from '../../../ports/read-models/read-models.js';
import { unlessLost } from './lost.js';

/** SQLSTATE codes and classes that do not depend on the rows: every other statement would get the same error. */
const REASONS: Readonly<Record<string, string>> = {
  '42501': 'a right is missing',
  '42703': 'a column is missing',
  '25006': 'the database is read-only',
  '53100': 'the disk is full',
  '53200': 'the database is out of memory',
};
const REASONS_OF_CLASSES: Readonly<Record<string, string>> = {
  '0A': 'the database does not support the statement',
  '3F': 'a schema is missing',
  '42': 'the tables are not those of this version',
  '58': 'the system under the database failed',
  XX: 'the database found its own files damaged',
};

/** Undefined for an error about the written rows, and for an outage. */
export function systemicReason(code: string): string | undefined {
  const reason = REASONS[code] ?? REASONS_OF_CLASSES[code.slice(0, 2)];
  return reason && `${reason} (SQLSTATE ${code})`;
}

/** Runs a query of a lane. Throws StoreRefused for an error that no event causes: the lane waits for its repair. */
export async function unlessRefused<T>(projection: string, answer: Promise<T>): Promise<T> {
  try {
    return await unlessLost(projection, answer);
  } catch (error) {
    const reason = systemicReason(codeOf(error) ?? '');
    if (reason === undefined) throw error;
    throw new StoreRefused(`${projection} cannot be written: ${reason}`, { cause: error });
  }
}

/** An outage has the error of the server as its cause. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof pg.DatabaseError) return error.code;
  return error instanceof Error && error.cause !== undefined ? codeOf(error.cause) : undefined;
}
