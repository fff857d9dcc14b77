import type { ListedRun, Run } from '../domain/conversation/run.js';
import { type Cell, counted, pairsOf, tableOf } from './table.js';

const COLUMNS = ['id', 'requested', 'status', 'user', 'model', 'tokens', 'cost', 'duration'];

export function runsText(runs: readonly ListedRun[]): string {
  if (runs.length === 0) return 'No runs.\n';
  const rows = runs.map(({ id, requestedAt, status, user, model, usage, cost, durationMs }) => [
    ...[id, requestedAt, status, user, model],
    ...[usage?.totalTokens, costText(cost), milliseconds(durationMs)],
  ]);
  return tableOf(COLUMNS, rows);
}

export function runText(run: Run): string {
  const pairs: (readonly [string, Cell])[] = [
    ['id', run.id],
    ['conversation', run.conversation],
    ['message', run.message],
    ['user', run.user],
    ['status', run.status],
    ['model', `${run.model ?? '-'} (provider ${run.provider ?? '-'}, served as ${run.modelServed ?? '-'})`],
    ['params', run.params && JSON.stringify(run.params)],
    ['prompt sha256', run.promptSha256],
    ['usage', run.usage && usageText(run.usage)],
    ['cost', costText(run.cost)],
    ['first text', milliseconds(run.ttftMs)],
    ['duration', milliseconds(run.durationMs)],
    ['finish reason', run.finishReason],
    ['attempt', run.attempt],
    ['lineage', run.lineage.join(' > ')],
    ['error', run.error && `${run.error.kind}: ${run.error.message}`],
  ];
  const events = run.events.map(({ cursor, type, at }) => [cursor, at, type]);
  return `${pairsOf(pairs)}\n${tableOf(['cursor', 'at', 'event'], events)}`;
}

const costText = (cost: Run['cost']): string | null => cost && `${cost.amount} ${cost.currency}`;

const milliseconds = (ms: number | null): string | null => (ms === null ? null : `${counted(ms)} ms`);

function usageText({ promptTokens, completionTokens, totalTokens }: NonNullable<Run['usage']>): string {
  const tokens = [promptTokens, completionTokens, totalTokens].map((count) =>
    count === undefined ? '?' : counted(count),
  );
  return `${tokens[0]} tokens in, ${tokens[1]} out, ${tokens[2]} in all`;
}
