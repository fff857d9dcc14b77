import { describe, expect, it } from '@jest/globals';
import { type EventsOf, unhandled } from '../../../src/projections/projection.js';
import { ledgersTable } from '../../../src/projections/runs/rows.js';
import { countedTable } from '../../../src/projections/usage/rows.js';
import { WorkingRows } from '../../../src/projections/working-rows.js';

const KEY = { table: countedTable, key: 'c1' };

function workingRows(isWhole = false): WorkingRows {
  const load = async () => [{ ...KEY, row: { seen: 3 } }];
  return new WorkingRows({ load }, { projection: 'usage', build: 1 }, [countedTable], isWhole);
}

describe('the rows that a lane works on', () => {
  it('throw if a projection reads a row that `touched` does not name', async () => {
    const rows = workingRows();
    expect(() => rows.get(countedTable, 'c1')).toThrow('touched does not name c1 of counted');
    await rows.fetch([KEY]);
    expect(rows.get(countedTable, 'c1')).toEqual({ seen: 3 });
    rows.remove(countedTable, 'c1');
    expect(rows.get(countedTable, 'c1')).toBeUndefined();
  });

  it('have the type of their table, or a projection does not compile', () => {
    const rows = workingRows(true);
    // @ts-expect-error: a row of `counted` has `seen`.
    rows.put(countedTable, 'c1', { count: 1 });
    rows.put(countedTable, 'c2', { seen: 1 });
    const seen: number | undefined = rows.get(countedTable, 'c2')?.seen;
    expect(seen).toBe(1);
    expect(rows.changes()).toEqual([
      { table: countedTable, key: 'c1', row: { count: 1 } },
      { table: countedTable, key: 'c2', row: { seen: 1 } },
    ]);
  });

  it('are absent without a name in `touched` if the lane began with the log', () => {
    expect(workingRows(true).get(countedTable, 'c1')).toBeUndefined();
  });

  it.each([
    ['read', (rows: WorkingRows) => rows.get(ledgersTable, 'c1')],
    ['written', (rows: WorkingRows) => rows.put(ledgersTable, 'c1', { seen: 0, open: null, claimed: null })],
    ['removed', (rows: WorkingRows) => rows.remove(ledgersTable, 'c1')],
  ])('throw when a table that the projection does not declare is %s', (_, act) => {
    for (const isWhole of [true, false])
      expect(() => act(workingRows(isWhole))).toThrow('usage does not declare ledgers');
  });
});

describe('the default branch of a projection', () => {
  type Tape = EventsOf<{ readonly categories: readonly ['generation'] }>;
  type Claims = EventsOf<{
    readonly categories: readonly ['generation'];
    readonly withoutTypes: readonly ['DeltaReceived'];
  }>;

  it('compiles only if the branches name each type that passes the filter', () => {
    const handled = (event: Claims): string =>
      event.type === 'GenerationClaimed' || event.type === 'AttemptEnded' ? event.type : unhandled(event);
    const forgotten = (event: Tape): string =>
      // @ts-expect-error: DeltaReceived passes this filter.
      event.type === 'GenerationClaimed' || event.type === 'AttemptEnded' ? event.type : unhandled(event);
    expect(handled({ type: 'AttemptEnded' } as Claims)).toBe('AttemptEnded');
    expect(() => forgotten({ type: 'DeltaReceived' } as Tape)).toThrow('no branch handles DeltaReceived');
  });
});
