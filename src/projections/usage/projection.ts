import { decimalOf, sumOf, textOf } from '../../domain/prices.js';
import { conversationOf } from '../../events/conversation-events.js';
import type { CoveringList } from '../../ports/read-models/questions.js';
import type { RowKey } from '../../ports/read-models/read-models.js';
import { type EventsOf, type Projection, type ProjectionFilter, type Rows, unhandled } from '../projection.js';
import { askedTable, countedTable, type Sums, type UsageRow, usageTable } from './rows.js';

const filter = { categories: ['conversation'] } as const satisfies ProjectionFilter;

type Followed = EventsOf<typeof filter>;
type Finalized = Extract<Followed, { type: 'GenerationFinalized' }>;

/** The usage by tenant, day, user and model. Runs without reported usage are counted apart and never as zero. */
export const usage: Projection & CoveringList = {
  name: 'usage',
  version: 3,
  tables: [usageTable, askedTable, countedTable],
  coverage: countedTable,
  filter,
  onPoison: 'stop',
  touched(event: Followed) {
    const counted: RowKey = { table: countedTable, key: conversationOf(event) };
    if (event.type !== 'GenerationFinalized') return [counted];
    return [counted, { table: askedTable, key: event.data.generationId }, { table: usageTable, key: keyOf(event) }];
  },
  apply(rows, event: Followed) {
    const conversation = conversationOf(event);
    const seen = Math.max(event.revision + 1, rows.get(countedTable, conversation)?.seen ?? 0);
    rows.put(countedTable, conversation, { seen });
    switch (event.type) {
      case 'PromptAssembled':
        rows.put(askedTable, event.data.generationId, { model: event.data.model });
        return;
      case 'GenerationFinalized':
        count(rows, event);
        return;
      case 'ConversationStarted':
      case 'ConversationRenamed':
      case 'ConversationArchived':
      case 'ConversationRestored':
      case 'ConversationConfigured':
      case 'MessageSent':
      case 'GenerationRequested':
      case 'GenerationCancelRequested':
      case 'BranchSelected':
        return;
      default:
        unhandled(event);
    }
  },
};

function count(rows: Rows, event: Finalized): void {
  const { generationId, attempt } = event.data;
  // Counted once: an event that is applied again finds no row of `asked`.
  const asked = rows.get(askedTable, generationId);
  rows.remove(askedTable, generationId);
  // A generation without a claim called no model.
  if (!asked || attempt === null) return;
  const key = keyOf(event);
  const row = rows.get(usageTable, key) ?? empty(event);
  const sums = added(ownOf(row.models, asked.model) ?? NOTHING, event);
  rows.put(usageTable, key, { ...row, models: { ...row.models, [asked.model]: sums } });
}

const dayOf = (at: string): string => at.slice(0, 10);

function keyOf({ tenant, at, meta }: Finalized): string {
  return JSON.stringify([tenant, dayOf(at), meta.owner ?? null]);
}

const empty = ({ tenant, at, meta }: Finalized): UsageRow => ({
  tenant,
  day: dayOf(at),
  user: meta.owner ?? null,
  models: {},
});

const NOTHING: Sums = {
  runs: 0,
  unknownUsage: 0,
  promptTokens: 0,
  completionTokens: 0,
  totalTokens: 0,
  unknownCost: 0,
  costs: {},
};

function added(sums: Sums, { data: { usage: reported, cost } }: Finalized): Sums {
  const tokens = tokensIn(reported);
  return {
    runs: sums.runs + 1,
    unknownUsage: sums.unknownUsage + (tokens ? 0 : 1),
    promptTokens: sums.promptTokens + (tokens?.prompt ?? 0),
    completionTokens: sums.completionTokens + (tokens?.completion ?? 0),
    totalTokens: sums.totalTokens + (tokens?.total ?? 0),
    unknownCost: sums.unknownCost + (cost ? 0 : 1),
    costs: cost
      ? { ...sums.costs, [cost.currency]: sumOfTexts(ownOf(sums.costs, cost.currency) ?? '0', cost.amount) }
      : sums.costs,
  };
}

/** A value that is no count is unknown. */
function tokensIn(reported: Finalized['data']['usage']) {
  const { input, output, total } = reported ?? {};
  if (input === undefined || output === undefined) return null;
  return { prompt: input, completion: output, total: total ?? input + output };
}

/** The names are others': one of them may be `constructor`. */
const ownOf = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

const sumOfTexts = (...amounts: string[]): string => textOf(sumOf(amounts.map(decimalOf)));
