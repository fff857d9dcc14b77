import pg from 'pg';

/** SQLSTATE classes and codes that a valid statement may get while the server cannot serve it. */
const OUTAGE_CLASSES = [
  '08', // connection
  '28', // authorisation: a password that is being rotated
  '3D', // database not there: being restored
  '53', // resources
  '57', // shutdown
  '58', // system
];
const OUTAGE_CODES = [
  '25006', // read only: a standby after a failover
  '40001', // serialization failure
  '40P01', // deadlock
  '55P03', // lock not available
];

const QUERY_CANCELED = '57014';
/** The driver's message when its own timer ends a query. */
const DRIVER_TIMEOUT = 'Query read timeout';

/** True if the timer of the server or of the driver ended the statement. */
export const isTimeout = (error: unknown): boolean =>
  error instanceof pg.DatabaseError
    ? error.code === QUERY_CANCELED
    : error instanceof Error && error.message === DRIVER_TIMEOUT;

/** True if the same statement may succeed later. An error that is no answer of the server is an outage. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return true;
  const code = error.code ?? '';
  return OUTAGE_CLASSES.includes(code.slice(0, 2)) || OUTAGE_CODES.includes(code);
}
