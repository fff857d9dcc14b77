import { integer, type Table, text } from '../../ports/read-models/table.js';

export interface Sums {
  readonly runs: number;
  /** Runs of which no usage is known: they are in no sum. */
  readonly unknownUsage: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly totalTokens: number;
  readonly unknownCost: number;
  /** By currency, decimal. */
  readonly costs: Readonly<Record<string, string>>;
}

/** The usage of one user on one day (UTC), by model. */
export interface UsageRow {
  readonly tenant: string;
  readonly day: string;
  readonly user: string | null;
  readonly models: Readonly<Record<string, Sums>>;
}

export const usageTable: Table<UsageRow> = {
  name: 'usage',
  columns: [text('tenant', (row) => row.tenant), text('day', (row) => row.day), text('owner', (row) => row.user)],
  indexes: [['tenant', 'day']],
};

/** The model of each generation that may come to cost something. */
export const askedTable: Table<{ readonly model: string }> = { name: 'asked', columns: [], indexes: [] };

/** How many events of its ledger the sums count, for each conversation. */
export const countedTable: Table<{ readonly seen: number }> = {
  name: 'counted',
  columns: [integer('seen', (row) => row.seen)],
  indexes: [],
};
