import { chmod, mkdir } from 'node:fs/promises';
import { canEnter, type ServerAccount } from './account.js';
import { CannotStartPostgres } from './errors.js';

/** The directory for files of root that an unprivileged user must read. Only root can write there. */
export const sharedPlace = '/var/lib/verbatim';

export async function openSharedPlace(account: ServerAccount): Promise<string> {
  await mkdir(sharedPlace, { recursive: true });
  await chmod(sharedPlace, 0o755);
  if (!(await canEnter(account, sharedPlace))) {
    throw new CannotStartPostgres(`${sharedPlace} is closed to uid ${account.uid}, under which PostgreSQL would run.`);
  }
  return sharedPlace;
}
