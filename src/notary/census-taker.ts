import type { Codec } from '../events/codec.js';
import { complianceStream } from '../events/compliance-events.js';
import type { RecordedEvent } from '../events/envelope.js';
import { base64 } from '../formats/record-1/hashes.js';
import type { BuiltCensus, CensusState, CensusStore } from '../ports/census.js';
import type { Clock } from '../ports/clock.js';
import { LogUnavailable } from '../ports/errors.js';
import type { EventLog, ExpectedRevision } from '../ports/event-log.js';
import type { Ids } from '../ports/ids.js';
import type { RecordQueries } from '../ports/record.js';
import { recordLimits } from '../record-limits.js';
import { chainOfEntry, chainsAfterEntries, GrowingCensus } from './census-tree.js';
import { RecordIncomplete } from './tree-hashes.js';

export interface CensusParts {
  readonly log: Pick<EventLog, 'append' | 'readStream'>;
  readonly codec: Pick<Codec, 'encode'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly ids: Pick<Ids, 'event' | 'random'>;
  readonly record: Pick<RecordQueries, 'lastNote' | 'entries'>;
  readonly store: CensusStore;
  /** Logs a line for operators: names and reasons, never texts of users. */
  readonly warn: (facts: object, message: string) => void;
}

const TYPE = 'CensusTaken' as const;
const ACTOR = { id: 'verbatim', kind: 'service' };
/** Before every key. */
const NO_KEY = Buffer.alloc(0);

/** The end of the compliance stream, and the last census in it. */
interface ComplianceEnd {
  readonly expected: ExpectedRevision;
  readonly last: TakenCensus | undefined;
}

interface TakenCensus {
  readonly id: string;
  readonly at: string;
  readonly size: number;
  readonly count: number;
  readonly root: string;
}

/** Another process counts the chains of this tenant. */
class CountedElsewhere extends Error {}

/**
 * Takes the census of each tenant once a day while there is news. The chains are counted from the signed entries, a part at a
 * time. After a crash the next run continues: what is counted and built is stored, and the event is appended at the expected
 * revision of its stream, so there is one for a size.
 */
export class CensusTaker {
  /** Tenants whose last census is not what the record makes, as the log of this process says. */
  private readonly reported = new Set<string>();

  constructor(private readonly parts: CensusParts) {}

  /** The failure of one tenant is reported after all others had their turn. */
  async round(over: AbortSignal): Promise<void> {
    const failures: unknown[] = [];
    for (const tenant of await this.parts.store.due(this.dayBefore(), recordLimits.censusTenantsMax)) {
      if (over.aborted) return;
      await this.look(tenant, over).catch((error) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Takes or restores the census of a tenant if it is due. */
  async look(tenant: string, over: AbortSignal): Promise<void> {
    const { record, store } = this.parts;
    const note = await record.lastNote(tenant);
    if (!note) return;
    const [state, { last }] = [await store.state(tenant), await this.end(tenant)];
    // The record is being built again.
    if (last && note.size < last.size) return;
    const isBegun = state !== undefined && state.event === undefined && state.counted > (last?.size ?? 0);
    if (isBegun) return this.take(tenant, note.size, over);
    if (!last) {
      const since = state?.since ?? (await this.firstAt(tenant));
      return since < this.dayBefore() ? this.take(tenant, note.size, over) : store.begin(tenant, since);
    }
    const isOver = last.at < this.dayBefore() && note.size > last.size + 1;
    return isOver ? this.take(tenant, note.size, over) : this.restore(tenant, last, over);
  }

  /** Takes the census over the first `size` entries, which are signed. */
  async take(tenant: string, size: number, over: AbortSignal): Promise<void> {
    const built = await this.built(tenant, size, over);
    if (!built) return;
    const { expected, last } = await this.end(tenant);
    if (last && last.size >= size) return;
    const event = this.eventOf(tenant, built);
    const events = await this.parts.codec.encode(complianceStream(tenant), [event]);
    const { outcome } = await this.parts.log.append(complianceStream(tenant), expected, events);
    if (outcome === 'unavailable') throw new LogUnavailable('the census of a tenant cannot be appended now');
    // Another event came first. The next look decides anew.
    if (outcome !== 'conflict') await this.parts.store.taken(tenant, size, event.id, event.at);
  }

  /** Counts the chains of the last census again, for example after they were deleted with the views. */
  private async restore(tenant: string, last: TakenCensus, over: AbortSignal): Promise<void> {
    const built = await this.built(tenant, last.size, over);
    if (!built) return;
    if (built.count === last.count && base64(built.root) === last.root) {
      this.reported.delete(tenant);
      return this.parts.store.taken(tenant, last.size, last.id, last.at);
    }
    if (this.reported.has(tenant)) return;
    this.reported.add(tenant);
    const reason = `the first ${last.size} entries make another census than the one of ${last.at}`;
    this.parts.warn({ tenant, reason }, 'the census of a tenant is not what its record makes');
  }

  /** Undefined if the work is over, or if another process does it. */
  private async built(tenant: string, size: number, over: AbortSignal): Promise<BuiltCensus | undefined> {
    const { store } = this.parts;
    try {
      const state = await this.counted(tenant, size, over);
      if (state?.built?.size === size) return state.built;
      return state && (await this.tree(tenant, size, over));
    } catch (error) {
      if (!(error instanceof CountedElsewhere)) throw error;
      const state = await store.state(tenant);
      return state?.built?.size === size ? state.built : undefined;
    }
  }

  private async counted(tenant: string, size: number, over: AbortSignal): Promise<CensusState | undefined> {
    const { store, record } = this.parts;
    let state = await store.state(tenant);
    const since = state?.since ?? (await this.firstAt(tenant));
    for (let from = state?.counted ?? 0; from < size; ) {
      if (over.aborted) return undefined;
      const to = Math.min(size, from + recordLimits.censusStepEntries);
      const entries = await record.entries(tenant, from, to - from);
      if (entries.length < to - from) throw new RecordIncomplete('the record is being built again');
      const before = await store.chains(tenant, [...new Set(entries.map(chainOfEntry))]);
      const chains = chainsAfterEntries(before, entries);
      if (!(await store.count(tenant, { from, to, chains, since }))) throw new CountedElsewhere();
      from = to;
    }
    state = await store.state(tenant);
    // Only a smaller census was asked for than is counted already.
    return state?.counted === size ? state : undefined;
  }

  private async tree(tenant: string, size: number, over: AbortSignal): Promise<BuiltCensus | undefined> {
    const { store } = this.parts;
    const growing = new GrowingCensus();
    for (let key = NO_KEY; ; ) {
      if (over.aborted) return undefined;
      const chains = await store.chainsAfter(tenant, key, recordLimits.censusStepEntries);
      for (const chain of chains) growing.add(chain);
      const last = chains.at(-1);
      if (!last || chains.length < recordLimits.censusStepEntries) break;
      key = last.key as Buffer<ArrayBuffer>;
    }
    const tree = growing.built(size);
    if (!(await store.build(tenant, tree))) throw new CountedElsewhere();
    return tree;
  }

  private async end(tenant: string): Promise<ComplianceEnd> {
    let expected: ExpectedRevision = 'none';
    for await (const page of this.parts.log.readStream(complianceStream(tenant), { direction: 'backwards' })) {
      if (expected === 'none') expected = page[0]?.revision ?? 'none';
      const last = page.find(({ type }) => type === TYPE);
      if (last) return { expected, last: takenIn(last) };
    }
    return { expected, last: undefined };
  }

  private eventOf(tenant: string, { size, count, root }: BuiltCensus) {
    const { clock, ids } = this.parts;
    const commandId = ids.random();
    return {
      ...{ type: TYPE, data: { size, count, root: base64(root) } },
      ...{ id: ids.event(), tenant, at: new Date(clock.now()).toISOString() },
      meta: { actor: ACTOR, commandId, correlationId: commandId },
    } as const;
  }

  private async firstAt(tenant: string): Promise<string> {
    const [first] = await this.parts.record.entries(tenant, 0, 1);
    if (!first) throw new RecordIncomplete('the record is being built again');
    return JSON.parse(first.leaf).at;
  }

  private dayBefore(): string {
    return new Date(this.parts.clock.now() - recordLimits.censusEveryMs).toISOString();
  }
}

/** Nothing in it is a text of a user, so it is read as it is stored. */
function takenIn({ id, at, data }: RecordedEvent): TakenCensus {
  return { id, at, ...(JSON.parse(data) as Pick<TakenCensus, 'size' | 'count' | 'root'>) };
}
