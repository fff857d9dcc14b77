import { readlinkSync } from 'node:fs';
import { mkdtemp, open, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { startWitness } from '../../../src/app/witness.js';
import { sha256 } from '../../../src/formats/record-1/hashes.js';
import { NoteSigner } from '../../../src/formats/record-1/note.js';

const trust = [`verbatim/log.=${new NoteSigner(sha256('the key of the log')).verifierKey('verbatim/log.first/acme')}`];

let parent: string;
let flushed: string[];
beforeEach(async () => {
  parent = await realpath(await mkdtemp(join(tmpdir(), 'witness-folder-')));
  flushed = [];
  const handle = await open(parent);
  const files = Object.getPrototypeOf(handle) as typeof handle;
  await handle.close();
  const { sync } = files;
  jest.spyOn(files, 'sync').mockImplementation(function (this: typeof handle) {
    flushed.push(readlinkSync(`/proc/self/fd/${this.fd}`));
    return sync.call(this);
  });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await rm(parent, { recursive: true });
});

async function started(dir: string): Promise<void> {
  const witness = await startWitness({ dir, name: 'w.example/w1', trust, host: '127.0.0.1', port: 0 }, () => {});
  const ended = witness.ended();
  process.emit('SIGTERM');
  await ended;
}

describe('the folder of a witness', () => {
  it('is flushed with all folders that the first start creates, before the witness takes a request', async () => {
    const dir = join(parent, 'a', 'b');
    await started(dir);
    for (const folder of [parent, join(parent, 'a')]) expect(flushed).toContain(folder);
    // Once for cosigned/, and once for witness.key.
    expect(flushed.filter((folder) => folder === dir).length).toBeGreaterThan(1);
  });

  it('is flushed again by a start that finds it, because a crash may have come before the first flush', async () => {
    const dir = join(parent, 'a');
    await started(dir);
    flushed.length = 0;
    await started(dir);
    expect(flushed).toContain(dir);
  });
});
