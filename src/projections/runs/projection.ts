import { endOf, promptIn, unknownRun } from '../../domain/conversation/run.js';
import type { TypedEvent } from '../../events/codec.js';
import { generationOf } from '../../events/conversation-events.js';
import type { CoveringList } from '../../ports/read-models/questions.js';
import type { RowKey } from '../../ports/read-models/read-models.js';
import type { ClaimCoverage } from '../coverage-columns.js';
import { type EventsOf, isNext, type Projection, type ProjectionFilter, type Rows, unhandled } from '../projection.js';
import { ledgersTable, type RunRow, runsTable } from './rows.js';

const filter = {
  categories: ['conversation', 'generation'],
  withoutTypes: ['DeltaReceived', 'AttemptEnded'],
} as const satisfies ProjectionFilter;

type Followed = EventsOf<typeof filter>;

/** The audit table: one row for each generation, from the moment it is asked for. */
export const runs: Projection & CoveringList = {
  name: 'runs',
  version: 3,
  tables: [runsTable, ledgersTable],
  coverage: ledgersTable,
  filter,
  onPoison: 'stop',
  touched(event: Followed) {
    const { conversation } = event.meta;
    if (conversation === undefined) return [];
    const ledger: RowKey = { table: ledgersTable, key: conversation };
    return [ledger, ...runsOf(event).map((key): RowKey => ({ table: runsTable, key }))];
  },
  apply(rows, event: Followed) {
    const conversation = event.meta.conversation;
    if (conversation === undefined) return;
    const ledger = rows.get(ledgersTable, conversation) ?? NO_EVENTS;
    const isClaim = event.type === 'GenerationClaimed';
    if (!isClaim && !isNext(ledger.seen, event)) return;
    rows.put(ledgersTable, conversation, {
      ...ledger,
      seen: ledger.seen + (isClaim ? 0 : 1),
      ...openIn(ledger, event),
    });
    const [id] = runsOf(event);
    if (id === undefined) return;
    const run = rows.get(runsTable, id) ?? unknown(id, conversation, event);
    const change = changedBy(rows, run, event);
    if (change) rows.put(runsTable, id, { ...run, ...change });
  },
};

const NO_EVENTS: ClaimCoverage = { seen: 0, open: null, claimed: null };

function openIn({ open }: ClaimCoverage, event: Followed): Partial<ClaimCoverage> {
  if (event.type === 'GenerationClaimed') return { claimed: generationOf(event) };
  if (event.type === 'PromptAssembled') return { open: event.data.generationId };
  if (event.type === 'GenerationFinalized' && event.data.generationId === open) return { open: null };
  return {};
}

/** The one that an event is about first. */
function runsOf(event: Followed): readonly string[] {
  if (event.type === 'GenerationRequested') {
    const { generationId, regenerates } = event.data;
    return regenerates === undefined ? [generationId] : [generationId, regenerates];
  }
  if (event.type === 'GenerationClaimed') return [generationOf(event)];
  return 'generationId' in event.data ? [event.data.generationId] : [];
}

function unknown(id: string, conversation: string, { tenant, meta }: TypedEvent): RunRow {
  const { responseId: _, requestId: __, ...run } = unknownRun(id, conversation, meta.owner ?? null);
  return { tenant, ...run, requestedAt: null };
}

/** Undefined: the event was applied before. */
function changedBy(rows: Rows, run: RunRow, event: Followed): Partial<RunRow> | undefined {
  switch (event.type) {
    case 'GenerationRequested': {
      const { messageId, regenerates = null } = event.data;
      if (run.requestedAt !== null) return undefined;
      const before = regenerates === null ? [] : (rows.get(runsTable, regenerates)?.lineage ?? [regenerates]);
      const lineage = [...before, run.id];
      return { message: messageId, user: event.meta.owner ?? null, regenerates, lineage, requestedAt: event.at };
    }
    case 'PromptAssembled':
      return promptIn(event.data);
    case 'GenerationClaimed':
      if (hasEnded(run) || (run.attempt ?? 0) >= event.data.attempt) return undefined;
      return { status: 'streaming', attempt: event.data.attempt };
    case 'GenerationFinalized':
      return hasEnded(run) ? undefined : endOf(event.data, event.at);
    case 'ConversationStarted':
    case 'ConversationRenamed':
    case 'ConversationArchived':
    case 'ConversationRestored':
    case 'ConversationConfigured':
    case 'MessageSent':
    case 'GenerationCancelRequested':
    case 'BranchSelected':
      return undefined;
    default:
      return unhandled(event);
  }
}

const hasEnded = ({ status }: RunRow): boolean => status !== 'queued' && status !== 'streaming';
