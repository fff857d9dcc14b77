import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The sources of the product and of the tests' support as they are now, for programs that are started often. */
export interface CompiledSources {
  readonly directory: string;
  remove(): Promise<void>;
}

export async function compileSources(): Promise<CompiledSources> {
  const directory = await mkdtemp(join(tmpdir(), 'verbatim-compiled-'));
  const support = join(process.cwd(), 'test', 'support');
  const program = ['--import', join(support, 'ts-loader.mjs'), join(support, 'compile-sources.ts')];
  await promisify(execFile)(process.execPath, [...program, directory]);
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) };
}
