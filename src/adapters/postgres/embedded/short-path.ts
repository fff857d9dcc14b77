import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canEnter, type ServerAccount } from './account.js';

/** The path of a unix socket may have 103 bytes on some systems. Below the temporary directory, names of up to 43 bytes follow. */
const temporaryBytesMax = 60;

export function temporaryParent(temporary: string): string {
  return Buffer.byteLength(temporary) <= temporaryBytesMax ? temporary : '/tmp';
}

/** Creates a directory with a short name and mode 0700. */
export async function makeShortDirectory(account?: ServerAccount): Promise<string> {
  const preferred = temporaryParent(tmpdir());
  const parent = (await canEnter(account, preferred)) ? preferred : '/tmp';
  return mkdtemp(join(parent, 'verbatim-'));
}
