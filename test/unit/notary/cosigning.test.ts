import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { WitnessFiles } from '../../../src/adapters/data-directory/witness-files.js';
import { systemIds } from '../../../src/adapters/system/system-ids.js';
import { Cosigner, cosignedAt } from '../../../src/formats/record-1/cosignature.js';
import { sha256 } from '../../../src/formats/record-1/hashes.js';
import { NoteSigner, originOf } from '../../../src/formats/record-1/note.js';
import { CensusTaker } from '../../../src/notary/census-taker.js';
import { CosignedNotes } from '../../../src/notary/cosigned-notes.js';
import { Cosigning } from '../../../src/notary/cosigning.js';
import { NotRecordedYet } from '../../../src/notary/record-reader.js';
import { RetryableError } from '../../../src/ports/errors.js';
import type { AskedWitness, WitnessReply } from '../../../src/ports/witness.js';
import { recordLimits } from '../../../src/record-limits.js';
import { Trust } from '../../../src/witness/trust.js';
import { Witness } from '../../../src/witness/witness.js';
import { MemoryCensus } from '../../support/memory/memory-census.js';
import { MemoryCosignatures } from '../../support/memory/memory-cosignatures.js';
import { appendAtEnd, codec } from '../../support/new-events.js';
import { NotaryGround } from '../../support/notary-ground.js';
import { protectedEvent, TENANT } from '../../support/served-record.js';

const never = new AbortController().signal;

let ground: NotaryGround;
let census: MemoryCensus;
let cosignatures: MemoryCosignatures;
let folder: string;
let now: number;
let origin: string;
let warnings: object[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cosigning-'));
  ground = new NotaryGround();
  census = new MemoryCensus(ground.record);
  cosignatures = new MemoryCosignatures(ground.record, census);
  now = Date.parse('2026-01-05T00:00:00.000Z');
  origin = originOf(await ground.log.identity(), 'first', TENANT);
  warnings = [];
  ground.start();
});
afterEach(async () => {
  await ground.stop();
  await rm(folder, { recursive: true });
});

async function grow(count = 1, conversation = 'c1'): Promise<void> {
  const events = Array.from({ length: count }, () => protectedEvent('MessageSent', {}, conversation));
  await appendAtEnd(ground.log, `conversation-${conversation}`, events);
  await ground.signed();
}

/** A real witness, asked without a network, that a test can take away. */
class NearWitness implements AskedWitness {
  readonly requests: string[] = [];
  isAway = false;
  private readonly cosigner: Cosigner;
  private readonly witness: Witness;

  constructor(name: string) {
    this.cosigner = new Cosigner(name, sha256(name));
    const key = new NoteSigner(sha256('the key')).verifierKey(origin);
    this.witness = new Witness({
      trust: Trust.in([`verbatim/=${key}`]) as Trust,
      states: new WitnessFiles(join(folder, name.replace('/', '-'))),
      cosigner: this.cosigner,
      clock: { now: () => now, monotonic: () => now },
      onFork: () => {},
      onUnproved: () => {},
    });
  }

  get verifierKey(): string {
    return this.cosigner.verifierKey;
  }

  async add(request: string): Promise<WitnessReply> {
    if (this.isAway) throw new RetryableError('away');
    this.requests.push(request.split('\n', 1).join());
    const answer = await this.witness.add(request);
    if (answer.status === 200) return { is: 'cosigned', lines: answer.cosignature };
    return answer.status === 409 ? { is: 'at', size: answer.lastSize } : { is: 'refused', status: answer.status };
  }
}

const cosigningWith = (...witnesses: AskedWitness[]) =>
  new Cosigning({
    ...{ record: ground.record, cosignatures, witnesses, clock: { now: () => now, monotonic: () => now } },
    originPrefix: async () => originOf(await ground.log.identity(), 'first', ''),
    warn: (facts) => void warnings.push(facts),
  });
const notes = () => new CosignedNotes({ record: ground.record, cosignatures, witnesses: [] });

/** The sizes of the last notes, and by which of the witnesses they are cosigned. */
async function cosigned(note: string, ...witnesses: AskedWitness[]) {
  return [
    Number(note.split('\n')[1]),
    ...witnesses.map(({ verifierKey }) => cosignedAt(note, verifierKey) !== undefined),
  ];
}

describe('the cosigning of notes', () => {
  it('asks for the first note at once, then each five minutes while there is news', async () => {
    const witness = new NearWitness('witness.example/w1');
    const cosigning = cosigningWith(witness);
    await cosigning.round(never);
    expect(witness.requests).toEqual([]);
    await grow(3);
    await cosigning.round(never);
    expect(await cosigned(await notes().last(TENANT), witness)).toEqual([3, true]);
    await grow(4);
    await cosigning.round(never);
    expect(await cosigned(await notes().last(TENANT), witness)).toEqual([7, false]);
    expect(await cosigned(await notes().lastCosigned(TENANT), witness)).toEqual([3, true]);
    now += recordLimits.cosignEveryMs + 1;
    await cosigning.round(never);
    await cosigning.round(never);
    expect(await cosigned(await notes().lastCosigned(TENANT), witness)).toEqual([7, true]);
    now += recordLimits.cosignEveryMs + 1;
    await cosigning.round(never);
    expect(witness.requests).toEqual(['old 0', 'old 3']);
    expect(warnings).toEqual([]);
  });

  it('asks at once for the note that has a census', async () => {
    const witness = new NearWitness('witness.example/w1');
    const cosigning = cosigningWith(witness);
    await grow(3);
    await cosigning.round(never);
    const taker = new CensusTaker({
      ...{ log: ground.log, codec, clock: { now: () => now }, ids: systemIds, record: ground.record, store: census },
      warn: () => {},
    });
    await taker.round(never);
    await ground.signed();
    await cosigning.round(never);
    await cosigning.round(never);
    expect(await cosigned(await notes().lastCosigned(TENANT), witness)).toEqual([4, true]);
    expect(witness.requests).toEqual(['old 0', 'old 3']);
  });

  it('goes on with a witness that has seen more than the database knows', async () => {
    const witness = new NearWitness('witness.example/w1');
    await grow(3);
    await cosigningWith(witness).round(never);
    await grow(2);
    // The database was restored from a backup without the cosignature.
    cosignatures = new MemoryCosignatures(ground.record, census);
    await cosigningWith(witness).round(never);
    expect(await cosigned(await notes().last(TENANT), witness)).toEqual([5, true]);
    expect(witness.requests).toEqual(['old 0', 'old 0', 'old 3']);
  });

  it('is delayed by no other witness that is away, and reports how long it is away', async () => {
    const [near, away] = [new NearWitness('witness.example/w1'), new NearWitness('witness.example/w2')];
    const cosigning = cosigningWith(away, near);
    away.isAway = true;
    await grow(3);
    await grow(1, 'c2');
    await cosigning.round(never);
    expect(await cosigned(await notes().last(TENANT), near, away)).toEqual([4, true, false]);
    now += 90_000;
    await cosigning.round(never);
    expect(Object.fromEntries(cosigning.awaySeconds)).toEqual({ 'witness.example/w1': 0, 'witness.example/w2': 90 });
    away.isAway = false;
    await cosigning.round(never);
    expect(await cosigned(await notes().last(TENANT), near, away)).toEqual([4, true, true]);
    expect(Object.fromEntries(cosigning.awaySeconds)).toMatchObject({ 'witness.example/w2': 0 });
  });

  it('reports a witness that has cosigned another history, and asks it again later', async () => {
    const witness = new NearWitness('witness.example/w1');
    await grow(5);
    await cosigningWith(witness).round(never);
    await ground.stop();
    ground = Object.assign(new NotaryGround(), {});
    Object.assign(ground.log, { identity: async () => origin.split('/')[1]?.split('.')[0] ?? '' });
    census = new MemoryCensus(ground.record);
    cosignatures = new MemoryCosignatures(ground.record, census);
    ground.start();
    await grow(3);
    const cosigning = cosigningWith(witness);
    await cosigning.round(never);
    await cosigning.round(never);
    const reason = 'it has cosigned a tree of 5 entries, and not the one of 3 that is signed';
    expect(warnings).toEqual([{ tenant: TENANT, witness: 'witness.example/w1', reason }]);
    expect(Object.fromEntries(cosigning.refusals)).toEqual({ 'witness.example/w1': 1 });
    await grow(4);
    now += recordLimits.cosignEveryMs + 1;
    await cosigning.round(never);
    expect(warnings[1]).toMatchObject({ reason: 'it answers with 422' });
    await expect(notes().lastCosigned(TENANT)).rejects.toThrow(NotRecordedYet);
    expect(witness.requests.slice(1)).toEqual(['old 0', 'old 0', 'old 5']);
  });

  it('accepts only a valid line of the key of the witness', async () => {
    const real = new NearWitness('witness.example/w1');
    const other = new NearWitness('witness.example/w2');
    await grow(3);
    const lying: AskedWitness = { verifierKey: real.verifierKey, add: (request) => other.add(request) };
    const cosigning = cosigningWith(lying);
    await cosigning.round(never);
    expect(warnings).toEqual([expect.objectContaining({ reason: 'its answer has no valid cosignature' })]);
    now += recordLimits.cosignEveryMs + 1;
    const both: AskedWitness = {
      verifierKey: real.verifierKey,
      async add(request) {
        const replies = [await other.add(request), await real.add(request.replace(/^old \d+/, 'old 0'))];
        return { is: 'cosigned', lines: replies.map((reply) => (reply.is === 'cosigned' ? reply.lines : '')).join('') };
      },
    };
    await cosigningWith(both).round(never);
    const note = await notes().last(TENANT);
    expect([await cosigned(note, real, other), note.split('\n').length]).toEqual([[3, true, false], 7]);
  });
});
