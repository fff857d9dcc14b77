import type { ConversationEvent } from '../../events/conversation-events.js';

/** The answer to a command, the same each time that it is repeated with its key. */
export interface Answer {
  readonly messageId: string | null;
  readonly generationId: string | null;
  /** Null for a queued turn: its prompt was not known at the time of the answer. */
  readonly promptSha256: string | null;
  /** The number of ledger events after the command: the cursor of the answer is `<seen>:0`. */
  readonly seen: number;
}

const nothing: Answer = { messageId: null, generationId: null, promptSha256: null, seen: 0 };

/** Computes the answer from the events of the command, so answers need not be recorded. */
export function answerOf(events: readonly ConversationEvent[], seen: number): Answer {
  return { ...events.reduce(answerWith, nothing), seen };
}

function answerWith(answer: Answer, event: ConversationEvent): Answer {
  switch (event.type) {
    case 'MessageSent':
      return { ...answer, messageId: event.data.messageId };
    case 'GenerationRequested':
      return { ...answer, generationId: event.data.generationId };
    case 'PromptAssembled':
      // The end of a generation opens the next one, whose prompt belongs to an earlier command.
      return event.data.generationId === answer.generationId ? { ...answer, promptSha256: event.data.sha256 } : answer;
    case 'ConversationStarted':
    case 'ConversationRenamed':
    case 'ConversationArchived':
    case 'ConversationRestored':
    case 'ConversationConfigured':
    case 'GenerationCancelRequested':
    case 'GenerationFinalized':
    case 'BranchSelected':
      return answer;
    default:
      // An event of a later version: no answer of this one names what it creates.
      event satisfies never;
      return answer;
  }
}
