import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { TypedEvent } from '../../../src/events/codec.js';
import { START } from '../../../src/events/envelope.js';
import type { AnyTable, Table } from '../../../src/ports/read-models/table.js';
import { projections, withDistinctTables } from '../../../src/projections/all.js';
import type { Projection, Rows } from '../../../src/projections/projection.js';
import { ledgersTable } from '../../../src/projections/runs/rows.js';
import { countedTable } from '../../../src/projections/usage/rows.js';
import { type DrawnStep, drawnSteps, playHistory } from '../../support/drawn-history.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { typedEvents } from '../../support/new-events.js';

/** Rows that accept only what the projection declares: its tables, and of its rows those that it has named. */
class GuardedRows implements Rows {
  private readonly rows = new Map<string, unknown>();
  private readonly broken = new Set<string>();
  private named = new Set<string>();

  constructor(private readonly projection: Projection) {}

  /** Applies an event as a lane does. */
  apply(event: TypedEvent): void {
    this.named = new Set(this.projection.touched(event).map(({ table, key }) => `${table.name} ${key}`));
    this.projection.apply(this, event);
  }

  get<Row>(table: Table<Row>, key: string): Row | undefined {
    const at = this.at(table, key);
    if (!this.named.has(at)) this.broken.add(`reads a row of ${table.name} that touched does not name`);
    return this.rows.get(at) as Row | undefined;
  }

  put<Row>(table: Table<Row>, key: string, row: NoInfer<Row>): void {
    this.rows.set(this.at(table, key), row);
  }

  remove(table: AnyTable, key: string): void {
    this.rows.delete(this.at(table, key));
  }

  get brokenRules(): string[] {
    return [...this.broken];
  }

  snapshot(): object {
    return Object.fromEntries(this.rows);
  }

  private at(table: AnyTable, key: string): string {
    if (!this.projection.tables.includes(table)) this.broken.add(`uses ${table.name}, which is none of its tables`);
    return `${table.name} ${key}`;
  }
}

async function eventsFor({ filter }: Projection, steps: readonly DrawnStep[]): Promise<TypedEvent[]> {
  const log = new MemoryEventLog();
  await playHistory(log, steps);
  const events: TypedEvent[] = [];
  for await (const page of log.readAll(START, filter)) {
    events.push(...(await typedEvents(page.events)));
  }
  return events;
}

/** Applies each event twice, and reports which rules of a projection this breaks. */
async function brokenRules(projection: Projection, steps: readonly DrawnStep[]): Promise<string[]> {
  const events = await eventsFor(projection, steps);
  const [once, twice] = [new GuardedRows(projection), new GuardedRows(projection)];
  for (const event of events) {
    once.apply(event);
    twice.apply(event);
    twice.apply(event);
  }
  const isSame = isDeepStrictEqual(once.snapshot(), twice.snapshot());
  return [...once.brokenRules, ...(isSame ? [] : ['makes other rows when an event is applied again'])];
}

const byName = new Map(projections.map((projection) => [projection.name, projection]));
const named = (name: string): Projection => byName.get(name) as Projection;

/** A chat with an answer and a request to regenerate it: the fewest steps that reach each rule of each projection. */
const steps = (['archive', 'rename', 'send', 'ask', 'claim', 'end', 'look', 'ask'] as const).map((act) => ({
  ...{ chat: 0, act, pick: 2 },
}));

describe('every projection', () => {
  it.each([...byName.keys()])('%s reads only rows that it names, and applies an event once', async (name) => {
    await fc.assert(
      fc.asyncProperty(drawnSteps, async (drawn) => {
        expect(await brokenRules(named(name), [...steps, ...drawn])).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });

  it('has tables that no other one has', () => {
    const copy: Projection = { ...named('usage'), name: 'activity', tables: [{ ...countedTable }] };
    expect(() => withDistinctTables([...projections, copy])).toThrow(
      'usage and activity both declare the table counted',
    );
  });

  it('is listed in the order of names, which is also the order of a list of builds', () => {
    expect([...byName.keys()]).toEqual([...byName.keys()].sort());
  });
});

describe('the check of projections', () => {
  it('draws events that change rows', async () => {
    const unchanged: string[] = [];
    for (const projection of projections) {
      const rows = new GuardedRows(projection);
      for (const event of await eventsFor(projection, steps)) rows.apply(event);
      if (Object.keys(rows.snapshot()).length < 2) unchanged.push(projection.name);
    }
    const advice = 'add an act that appends its events to test/support/drawn-history.ts, and to steps in this file';
    expect(unchanged.map((name) => `${name} has less than two rows: ${advice}`)).toEqual([]);
  });

  it.each([...byName.keys()])('finds that %s does not name the rows that it reads', async (name) => {
    const found = await brokenRules({ ...named(name), touched: () => [] }, steps);
    expect(found).toContainEqual(expect.stringMatching(/^reads a row of \w+ that touched does not name$/));
  });

  it('finds a projection that counts an event twice', async () => {
    const counting: Projection = {
      ...named('usage'),
      touched: () => [{ table: countedTable, key: 'all' }],
      apply: (rows) => rows.put(countedTable, 'all', { seen: (rows.get(countedTable, 'all')?.seen ?? 0) + 1 }),
    };
    expect(await brokenRules(counting, steps)).toEqual(['makes other rows when an event is applied again']);
  });

  it('finds a projection that uses a table of another one', async () => {
    const greedy: Projection = {
      ...named('usage'),
      apply: (rows) => rows.put(ledgersTable, 'x', { seen: 0, open: null, claimed: null }),
    };
    expect(await brokenRules(greedy, steps)).toEqual(['uses ledgers, which is none of its tables']);
  });
});
