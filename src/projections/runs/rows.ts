import type { GenerationFinalized } from '../../domain/conversation/nodes.js';
import type { Cost, Usage } from '../../domain/usage.js';
import { type Table, text } from '../../ports/read-models/table.js';
import { type ClaimCoverage, coverageColumns } from '../coverage-columns.js';

/** One generation, as the audit table shows it. */
export interface RunRow {
  readonly tenant: string;
  readonly id: string;
  readonly conversation: string;
  readonly message: string;
  readonly user: string | null;
  readonly provider: string | null;
  readonly model: string | null;
  readonly modelServed: string | null;
  readonly params: Readonly<Record<string, unknown>> | null;
  readonly promptSha256: string | null;
  readonly tokens: Readonly<Record<string, unknown>> | null;
  readonly usage: Usage;
  readonly cost: Cost;
  readonly ttftMs: number | null;
  readonly durationMs: number | null;
  readonly status: 'queued' | 'streaming' | 'final' | 'cancelled' | 'error';
  readonly finishReason: string | null;
  readonly attempt: number | null;
  readonly regenerates: string | null;
  readonly lineage: readonly string[];
  readonly error: NonNullable<GenerationFinalized['error']> | null;
  /** Null while only its claim has come, a moment before the request: no list shows it yet. */
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
