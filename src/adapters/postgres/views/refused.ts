import pg from 'pg';
import { StoreRefused } from '../../../ports/read-models/read-models.js';
import { unlessLost } from './lost.js';

/** SQLSTATE codes and classes that say nothing about the rows of a statement: every other statement would get the same. */
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

/** Nothing when the code is about the rows that were written, or when the server is away. */
export function systemicReason(code: string): string | undefined {
  const reason = REASONS[code] ?? REASONS_OF_CLASSES[code.slice(0, 2)];
  return reason && `${reason} (SQLSTATE ${code})`;
}

/** What the owner of a lane asks: it goes on when the cause is repaired, and no event is blamed for it. */
export async function unlessRefused<T>(projection: string, answer: Promise<T>): Promise<T> {
  try {
    return await unlessLost(projection, answer);
  } catch (error) {
    const reason = systemicReason(codeOf(error) ?? '');
    if (reason === undefined) throw error;
    throw new StoreRefused(`${projection} cannot be written: ${reason}`, { cause: error });
  }
}

/** An outage carries what the server said as its cause. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof pg.DatabaseError) return error.code;
  return error instanceof Error && error.cause !== undefined ? codeOf(error.cause) : undefined;
}
