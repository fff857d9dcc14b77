import type { ListedRun } from '../../domain/conversation/run.js';
import { type Table, text } from '../../ports/read-models/table.js';
import { type ClaimCoverage, coverageColumns } from '../coverage-columns.js';

export interface RunRow extends Omit<ListedRun, 'requestedAt'> {
  readonly tenant: string;
  /** Null if the claim arrived before the request. No list shows the run until the request arrives. */
  readonly requestedAt: string | null;
}

export const runsTable: Table<RunRow> = {
  name: 'runs',
  columns: [
    text('tenant', (row) => row.tenant),
    text('owner', (row) => row.user),
    text('conversation', (row) => row.conversation),
    text('message', (row) => row.message),
    text('model', (row) => row.model),
    text('status', (row) => row.status),
    text('requested_at', (row) => row.requestedAt),
  ],
  indexes: [
    ['tenant', 'requested_at', 'key'],
    ['tenant', 'owner', 'requested_at', 'key'],
    ['tenant', 'model', 'requested_at', 'key'],
    ['tenant', 'status', 'requested_at', 'key'],
    ['conversation', 'requested_at', 'key'],
    ['message'],
  ],
};

/** How far the audit table is in each conversation. */
export const ledgersTable: Table<ClaimCoverage> = { name: 'ledgers', columns: coverageColumns, indexes: [] };
