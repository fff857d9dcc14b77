import { randomUUID } from 'node:crypto';
import type { NewEvent } from '../../src/events/envelope.js';
import { type CountedChain, censusOf, chainWith } from '../../src/formats/record-1/census.js';
import { rootOf } from '../../src/formats/record-1/frontier.js';
import { base64, leafHash, sha256 } from '../../src/formats/record-1/hashes.js';
import { NoteSigner } from '../../src/formats/record-1/note.js';
import { bundleBytes, TILE_WIDTH } from '../../src/formats/record-1/tiles.js';
import type { PublishedCensus, PublishedKeys } from '../../src/monitor/published.js';
import type { RecordSource } from '../../src/monitor/record-monitor.js';
import { appendAtEnd } from './new-events.js';
import { NotaryGround } from './notary-ground.js';

export const AT = '2026-01-02T03:04:05.678Z';
export const TENANT = 'acme';

/** An event of a log with protection: its conversation has an owner. */
export function protectedEvent(type: string, data: object, conversation?: string, owner = 'uada'): NewEvent {
  const meta = { ...(conversation && { conversation, owner }), p: 1 };
  return {
    ...{ id: randomUUID(), type, schema: 2, tenant: TENANT, at: AT },
    ...{ data: JSON.stringify(data), meta: JSON.stringify(meta) },
  };
}

/** Conversations of two owners, a stream without an owner, and a tape: as the notary records them. */
export async function notarized(): Promise<{ entries: string[]; tapes: ReadonlyMap<string, string[]> }> {
  const ground = new NotaryGround();
  ground.start();
  try {
    const { log } = ground;
    await appendAtEnd(log, 'tenant-acme', [protectedEvent('TenantCreated', { name: 'Acme' })]);
    for (const nth of [0, 1, 2, 3]) {
      const id = `c${nth}`;
      const events = [0, 1, 2].map((text) => protectedEvent('MessageSent', { text }, id, nth % 2 ? 'uada' : 'ubob'));
      await appendAtEnd(log, `conversation-${id}`, events);
    }
    const tape = ['GenerationClaimed', 'DeltaReceived', 'DeltaReceived', 'AttemptEnded'].map((type, nth) =>
      protectedEvent(type, { nth }, 'c1'),
    );
    await appendAtEnd(log, 'generation-g1', tape);
    await appendAtEnd(log, 'conversation-c1', [protectedEvent('GenerationFinalized', {}, 'c1')]);
    await ground.signed();
    const leaves = tape.map(({ id, at, schema, type, data, meta }, rev) =>
      JSON.stringify({ at, data: JSON.parse(data), id, meta: sorted(JSON.parse(meta)), rev, schema, type }),
    );
    return {
      entries: (await ground.entries(TENANT)).map(({ leaf }) => leaf),
      tapes: new Map([['generation-g1', leaves]]),
    };
  } finally {
    await ground.stop();
  }
}

const sorted = (value: object): object =>
  Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));

const ORIGIN = `verbatim/log.incarnation/${TENANT}`;
const signer = new NoteSigner(sha256('the key of the operator'));
export const NEXT_SIGNER = new NoteSigner(sha256('the next key of the operator'));
export const NEXT_KEY = NEXT_SIGNER.verifierKey(ORIGIN);
export const VERIFIER_KEY = signer.verifierKey(ORIGIN);

/** What an operator serves who has the signing key: any entries, under a note that is right for them. */
export class ServedRecord implements RecordSource {
  census: RecordSource['census'] = async () => this.published;
  published: PublishedCensus | undefined;
  tapes: ReadonlyMap<string, readonly string[]> = new Map();
  publishedKeys: PublishedKeys | undefined;
  /** What signs the next notes, with an earlier key where that ends. */
  signer = signer;
  earlier: NoteSigner | undefined;
  asked = 0;

  constructor(public entries: readonly string[]) {}

  async keys(): Promise<PublishedKeys | undefined> {
    return this.publishedKeys;
  }

  async checkpoint(): Promise<string> {
    return this.noteOf(this.entries.length);
  }

  noteOf(size: number): string {
    return this.signer.sign(ORIGIN, { size, root: rootOf(this.entries.slice(0, size).map(leafHash)) }, this.earlier);
  }

  async bundle({ index, width }: { index: number; width: number }): Promise<Uint8Array> {
    this.asked++;
    return bundleBytes(this.entries.slice(index * TILE_WIDTH, index * TILE_WIDTH + width));
  }

  async tape(stream: string): Promise<readonly string[] | undefined> {
    return this.tapes.get(stream);
  }

  /** The next key signs from here on, and the present size together with the key before it. */
  handOver(signsTogether = true): void {
    const size = this.entries.length;
    if (!signsTogether) {
      this.publishedKeys = { vkey: NEXT_KEY, earlier: [{ vkey: VERIFIER_KEY, note: this.noteOf(size) }] };
      this.signer = NEXT_SIGNER;
      return;
    }
    this.earlier = this.signer;
    this.signer = NEXT_SIGNER;
    this.publishedKeys = { vkey: NEXT_KEY, earlier: [{ vkey: VERIFIER_KEY, note: this.noteOf(size) }] };
    this.earlier = undefined;
  }

  /** Adds the entry of a census over the present entries, and publishes it. */
  takeCensus(change: Partial<{ count: number; root: string; size: number }> = {}): void {
    const chains = new Map<string, CountedChain>();
    for (const leaf of this.entries) {
      const entry = JSON.parse(leaf);
      chains.set(entry.chain, chainWith(chains.get(entry.chain), entry, leafHash(leaf)));
    }
    const { size, count, root } = censusOf(this.entries.length, chains.values());
    const data = { size, count, root: base64(root), ...change };
    const texts = { data: JSON.stringify(data), meta: '{}' };
    const before = this.entries.map((leaf) => JSON.parse(leaf)).filter(({ stream }) => stream === COMPLIANCE);
    const prev = this.entries.findLast((leaf) => JSON.parse(leaf).stream === COMPLIANCE);
    const body = base64(sha256(`{"raw":"${base64(sha256(`${texts.data}\0${texts.meta}`))}"}`));
    const entry = {
      ...{ at: AT, body, chain: COMPLIANCE, id: randomUUID(), kind: 'event', n: before.length, owner: null },
      prev: prev === undefined ? null : base64(leafHash(prev)),
      ...{ rev: before.length, schema: 1, stream: COMPLIANCE, tenant: TENANT, type: 'CensusTaken', v: 1 },
    };
    this.published = { ...data, index: this.entries.length, ...texts };
    this.entries = [...this.entries, JSON.stringify(entry)];
  }
}

const COMPLIANCE = 'compliance-acme';
