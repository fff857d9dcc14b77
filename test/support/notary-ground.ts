import { systemClock } from '../../src/adapters/system/system-clock.js';
import { sha256 } from '../../src/formats/record-1/hashes.js';
import { NoteSigner, openNote, originOf } from '../../src/formats/record-1/note.js';
import type { SignedTree } from '../../src/formats/record-1/proofs.js';
import { SigningKeys } from '../../src/formats/record-1/signing-keys.js';
import { Notary } from '../../src/notary/notary.js';
import { type CheckedTree, checkRecord } from '../../src/notary/record-check.js';
import type { KnownOutside } from '../../src/notary/stored-before.js';
import type { Checkpoints } from '../../src/ports/checkpoints.js';
import type { EventLog } from '../../src/ports/event-log.js';
import type { RecordStore, StoredEntry } from '../../src/ports/record.js';
import { MemoryCheckpoints } from './memory/memory-checkpoints.js';
import { MemoryEventLog } from './memory/memory-event-log.js';
import { MemoryHints } from './memory/memory-hints.js';
import { MemoryLeases } from './memory/memory-leases.js';
import { MemoryNotes, MemoryRecord } from './memory/memory-record.js';
import { countEvents } from './new-events.js';
import { RecordedHealth } from './recorded-health.js';
import { hurriedClock, type Warning } from './relay-ground.js';
import { until } from './until.js';

export interface NotaryStores {
  readonly checkpoints: Checkpoints;
  readonly record: RecordStore;
}

function memoryStores(): NotaryStores {
  const checkpoints = new MemoryCheckpoints();
  return { checkpoints, record: new MemoryRecord(checkpoints) };
}

/** A log, the stores that notaries share, and the notaries of as many processes as a test wants. */
export class NotaryGround {
  readonly record: RecordStore;
  readonly warnings: Warning[] = [];
  readonly health = new RecordedHealth();
  written = 0;
  private readonly leases = new MemoryLeases(systemClock);
  private readonly notaries: Notary[] = [];

  private readonly checkpoints: Checkpoints;

  constructor(
    readonly log: EventLog = new MemoryEventLog(),
    readonly stores: NotaryStores = memoryStores(),
    /** Of the processes that share a data directory. */
    readonly kept = new MemoryNotes(),
  ) {
    this.checkpoints = stores.checkpoints;
    this.record = stores.record;
  }

  start({
    holder = 'node-1',
    seed = 'the key',
    record = this.record,
    kept = this.kept,
    incarnation = 'first',
    leaseMs = 15_000,
    keys = async () => new SigningKeys(new NoteSigner(sha256(seed))),
  } = {}): Notary {
    const notary = new Notary({
      ...{ log: this.log, checkpoints: this.checkpoints, leases: this.leases, hints: new MemoryHints() },
      ...{ clock: hurriedClock, health: this.health, holder, leaseMs },
      ...{ store: record, kept, incarnation, keys },
      meter: {
        entriesRecorded: (entries) => {
          this.written += entries;
        },
      },
      warn: (facts, message) => void this.warnings.push({ facts, message }),
    });
    this.notaries.push(notary);
    notary.start();
    return notary;
  }

  async stop(): Promise<void> {
    await Promise.all(this.notaries.map((notary) => notary.stop()));
  }

  /** The trees that the log makes, compared with what is stored. */
  async check(): Promise<readonly CheckedTree[]> {
    return checkRecord(this.log, this.record, await this.outside());
  }

  /** What a check knows of notes and keys without the store. */
  async outside(): Promise<KnownOutside> {
    const identity = await this.log.identity();
    const keys = new SigningKeys(new NoteSigner(sha256('the key')));
    return { keys, kept: this.kept, originOf: (tenant) => originOf(identity, 'first', tenant) };
  }

  /** Waits until every event has its entry, and the tree of each tenant is signed. */
  async signed(): Promise<void> {
    await until(async () => {
      const trees = await this.check();
      return (await countEvents(this.log)) > 0 && trees.every(({ size, signed }) => size === (signed ?? 0));
    });
  }

  entries(tenant = 'default'): Promise<StoredEntry[]> {
    return this.record.entries(tenant, 0, 100_000);
  }

  async noted(tenant = 'default', seed = 'the key', incarnation = 'first'): Promise<SignedTree | undefined> {
    const note = await this.record.lastNote(tenant);
    const origin = originOf(await this.log.identity(), incarnation, tenant);
    return note && openNote(note.note, new NoteSigner(sha256(seed)).verifierKey(origin));
  }
}
