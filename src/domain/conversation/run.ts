import type { Failure, RecordedUsage } from '../../events/conversation-events.js';
import type { RecordedChannel } from '../generation.js';
import { type Conversation, isBusy } from './conversation.js';
import type { GenerationFinalized, PromptAssembled, ShownNode } from './tree.js';

/** Converts usage to the public API. Null means unknown, never zero. A number that was not reported is absent. */
export type Usage = {
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly totalTokens?: number;
  readonly promptTokensDetails?: { readonly cachedTokens?: number; readonly cacheWriteTokens?: number };
  readonly completionTokensDetails?: { readonly reasoningTokens: number };
} | null;
export type Cost = { readonly amount: string; readonly currency: string } | null;

export function usageOf(recorded: RecordedUsage | null): Usage {
  if (!recorded) return null;
  const { input, output, total, cachedRead, cachedWrite, reasoning } = recorded;
  const isCached = cachedRead !== undefined || cachedWrite !== undefined;
  return {
    ...(input !== undefined && { promptTokens: input }),
    ...(output !== undefined && { completionTokens: output }),
    ...(total !== undefined && { totalTokens: total }),
    ...(isCached && {
      promptTokensDetails: {
        ...(cachedRead !== undefined && { cachedTokens: cachedRead }),
        ...(cachedWrite !== undefined && { cacheWriteTokens: cachedWrite }),
      },
    }),
    ...(reasoning !== undefined && { completionTokensDetails: { reasoningTokens: reasoning } }),
  };
}

export function costOf(cost: GenerationFinalized['cost']): Cost {
  return cost && { amount: cost.amount, currency: cost.currency };
}

/** In the order in which a run passes through them. The last four are its end. */
export const RUN_STATUSES = ['queued', 'streaming', 'final', 'cancelled', 'error', 'blocked'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** `openIsClaimed` comes from the tape of the open generation, because the ledger has no claims. */
export function statusOf({ open }: Pick<Conversation, 'open'>, node: ShownNode, openIsClaimed: boolean): RunStatus {
  if (node.kind !== 'reply') return 'final';
  if (node.result) return node.result.status;
  return node.id === open && openIsClaimed ? 'streaming' : 'queued';
}

export function conversationStatus(
  state: Pick<Conversation, 'open' | 'queue'>,
  openIsClaimed: boolean,
): 'generating' | 'queued' | 'idle' {
  if (!isBusy(state)) return 'idle';
  return state.open !== null && openIsClaimed ? 'generating' : 'queued';
}

/** An event of one generation, in its ledger or on its tape, and the cursor after it. */
export interface RunEvent {
  readonly cursor: string;
  readonly type: string;
  readonly at: string;
}

/** One generation for auditors. Null is a value that is unknown, or not known yet. */
export interface Run {
  readonly id: string;
  readonly conversation: string;
  readonly message: string;
  readonly user: string | null;
  readonly provider: string | null;
  readonly model: string | null;
  readonly modelServed: string | null;
  /** The provider's ids of the latest answer and its request. */
  readonly responseId: string | null;
  readonly requestId: string | null;
  readonly params: PromptAssembled['params'] | null;
  readonly promptSha256: string | null;
  readonly tokens: PromptAssembled['tokens'] | null;
  readonly usage: Usage;
  readonly cost: Cost;
  readonly ttftMs: number | null;
  readonly durationMs: number | null;
  readonly status: RunStatus;
  readonly finishReason: string | null;
  readonly attempt: number | null;
  readonly regenerates: string | null;
  readonly lineage: readonly string[];
  readonly error: Failure | null;
  readonly events: readonly RunEvent[];
}

/** A run in the list of runs, which does not read tapes. */
export interface ListedRun extends Omit<Run, 'responseId' | 'requestId' | 'events'> {
  readonly requestedAt: string;
}

/** Before anything but its conversation is known. Its keys have the order in which clients get them. */
export const unknownRun = (id: string, conversation: string, user: string | null): Omit<Run, 'events'> => ({
  id,
  conversation,
  message: '',
  user,
  provider: null,
  model: null,
  modelServed: null,
  responseId: null,
  requestId: null,
  params: null,
  promptSha256: null,
  tokens: null,
  usage: null,
  cost: null,
  ttftMs: null,
  durationMs: null,
  status: 'queued',
  finishReason: null,
  attempt: null,
  regenerates: null,
  lineage: [id],
  error: null,
});

type Prompted = Pick<Run, 'provider' | 'model' | 'params' | 'promptSha256' | 'tokens'>;

export function promptIn({ provider, model, params, sha256, tokens }: PromptAssembled): Prompted {
  return { provider, model, params, promptSha256: sha256, tokens };
}

type Ended = Pick<
  Run,
  'finishReason' | 'attempt' | 'modelServed' | 'error' | 'usage' | 'cost' | 'ttftMs' | 'durationMs'
> &
  Pick<GenerationFinalized, 'status'>;

/** What the end of a generation says of its run. `at`: when the end was recorded. */
export function endOf(result: Omit<GenerationFinalized, 'blocks'>, at: string | undefined): Ended {
  const { status, finishReason, attempt, modelServed, error = null, usage, cost, timings } = result;
  return {
    ...{ status, finishReason, attempt, modelServed, error },
    usage: usageOf(usage),
    cost: costOf(cost),
    ttftMs: between(timings.claimedAt, timings.firstTextAt),
    durationMs: between(timings.queuedAt, at),
  };
}

/** Milliseconds. Null if a time is unknown. */
export function between(from: string | null | undefined, to: string | null | undefined): number | null {
  return from && to ? Date.parse(to) - Date.parse(from) : null;
}

/** A piece of an answer, and its milliseconds after the claim of the attempt. */
export interface DeltaView {
  readonly seq: number;
  readonly at: string;
  readonly text: string;
  readonly channel: RecordedChannel;
  readonly block: number;
  /** The called tool, on the first piece of a tool call. */
  readonly tool?: { readonly id?: string; readonly name?: string; readonly type?: string };
  readonly offsetMs: number;
}
