import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { cosignedAt } from '../../src/formats/record-1/cosignature.js';
import { rootOf } from '../../src/formats/record-1/frontier.js';
import { base64, type Hash, leafHash, sha256 } from '../../src/formats/record-1/hashes.js';
import { NoteSigner } from '../../src/formats/record-1/note.js';
import { consistencyRanges } from '../../src/formats/record-1/proofs.js';
import { command } from '../support/product.js';
import { seeded } from '../support/seeded.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { until } from '../support/until.js';

const ROUNDS = 12;
const ORIGIN = 'verbatim/log.first/acme';
const signer = new NoteSigner(sha256('the key of the log'));

const noteOf = (leaves: readonly Hash[]) => signer.sign(ORIGIN, { size: leaves.length, root: rootOf(leaves) });

function bodyOf(leaves: readonly Hash[], old: number): string {
  const proof = old === 0 ? [] : consistencyRanges(old, leaves.length);
  const lines = proof.map(({ from, to }) => `${base64(rootOf(leaves.slice(from, to)))}\n`);
  return `old ${old}\n${lines.join('')}\n${noteOf(leaves)}`;
}

interface Running {
  readonly url: string;
  readonly vkey: string;
  stop(signal: NodeJS.Signals): Promise<void>;
}

async function start(dir: string): Promise<Running> {
  const trust = `verbatim/log.=${signer.verifierKey(ORIGIN)}`;
  const words = ['witness', '--dir', dir, '--name', 'witness.example/w1', '--trust', trust, '--port', '0'];
  const { child, output, ended } = command({}, ...words);
  await until(() => output.out.includes('\n') || child.exitCode !== null);
  const { url, vkey } = JSON.parse(output.out);
  const stop = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await ended;
  };
  return { url, vkey, stop };
}

/** Trees that a round has sent, of which the witness has kept one as its last. */
type Sent = readonly (readonly Hash[])[];

it('a witness that is killed again and again has cosigned one history, and keeps its key', async () => {
  await withTemporaryDirectory(async (dir) => {
    const random = seeded(7);
    const cosigned: (readonly Hash[])[] = [];
    const keys = new Set<string>();
    let sent: Sent = [];
    for (let round = 0; round < ROUNDS; round++) {
      const witness = await start(dir);
      keys.add(witness.vkey);
      /** True if the witness has cosigned the tree. A killed one gives no answer. */
      const send = async (leaves: readonly Hash[], old: number): Promise<boolean> => {
        const request = { method: 'POST', body: bodyOf(leaves, old) };
        const answer = await fetch(`${witness.url}/add-checkpoint`, request).catch(() => undefined);
        const text = answer?.status === 200 ? await answer.text().catch(() => '') : '';
        const isCosigned = cosignedAt(noteOf(leaves) + text, witness.vkey) !== undefined;
        if (isCosigned) cosigned.push(leaves);
        return isCosigned;
      };
      const kept: (readonly Hash[])[] = [];
      for (const leaves of sent) if (await send(leaves, leaves.length)) kept.push(leaves);
      expect(kept).toHaveLength(cosigned.length > 0 ? 1 : 0);
      const last = kept[0] ?? [];
      const others = cosigned.filter((tree) => tree.some((leaf, nth) => leaf !== last[nth]));
      expect(others).toEqual([]);
      const trees: (readonly Hash[])[] = kept.slice();
      /** Each writer grows a history of its own, and ends when the witness refuses it. */
      const grow = async (name: string): Promise<void> => {
        let leaves = last;
        do {
          leaves = [...leaves, leafHash(`${round} ${name} ${leaves.length}`)];
          trees.push(leaves);
        } while (leaves.length < last.length + 60 && (await send(leaves, leaves.length - 1)));
      };
      const growing = Promise.all(['a', 'b', 'c'].map(grow));
      const enough = cosigned.length + Math.floor(random() * 6);
      await until(() => cosigned.length >= enough);
      await witness.stop('SIGKILL');
      await growing;
      sent = trees;
    }
    expect(cosigned.length).toBeGreaterThan(ROUNDS);
    expect(keys.size).toBe(1);
    const [folder = ''] = await readdir(join(dir, 'cosigned'));
    const numbers = (await readdir(join(dir, 'cosigned', folder))).filter((name) => /^\d+$/.test(name));
    expect([1, 2]).toContain(numbers.length);
  });
});
