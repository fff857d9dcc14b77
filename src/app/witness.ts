import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createFolderFlushed } from '../adapters/data-directory/flushed-files.js';
import { openSeed } from '../adapters/data-directory/seed-file.js';
import { WitnessFiles } from '../adapters/data-directory/witness-files.js';
import { systemClock } from '../adapters/system/system-clock.js';
import type { StartedWitness, WitnessOptions } from '../cli/command-parts.js';
import { UsageError } from '../cli/failures.js';
import { Cosigner } from '../formats/record-1/cosignature.js';
import { Trust } from '../witness/trust.js';
import { Witness } from '../witness/witness.js';
import { witnessServer } from '../witness/witness-server.js';

/** Starts a witness. It has no database: what it must remember is in its folder. */
export async function startWitness(options: WitnessOptions, onLine: (facts: object) => void): Promise<StartedWitness> {
  const { dir, name, host, port } = options;
  const trust = Trust.in(options.trust);
  if (!trust) throw new UsageError('--trust: expected <prefix of origins>=<verifier key>');
  const cosignedNotes = join(dir, 'cosigned');
  await createFolderFlushed(cosignedNotes);
  const cosigner = new Cosigner(name, await openSeed(join(dir, 'witness.key')));
  const witness = new Witness({
    ...{ trust, cosigner, clock: systemClock, states: new WitnessFiles(cosignedNotes) },
    onFork: (notes) => onLine({ level: 'error', msg: 'refused a second history of a log', ...notes }),
    onUnproved: (notes) => onLine({ level: 'warn', msg: 'a proof does not connect a note to the last one', ...notes }),
  });
  const server = witnessServer(witness, (error) =>
    onLine({ level: 'error', msg: 'a request failed', err: String(error) }),
  );
  server.listen(port, host);
  await once(server, 'listening');
  const { address, family, port: taken } = server.address() as AddressInfo;
  return {
    verifierKey: cosigner.verifierKey,
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`,
    async ended() {
      await new Promise<void>((resolve) => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
      });
      server.close();
      server.closeIdleConnections();
      await once(server, 'close');
    },
  };
}
