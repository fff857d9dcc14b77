import type { ConversationEvent } from '../../events/conversation-events.js';

/** What a command is answered, each time that it comes with its key. */
export interface Answer {
  readonly messageId: string | null;
  readonly generationId: string | null;
  /** Null for a turn that had to wait: its prompt was not known when the answer was given. */
  readonly promptSha256: string | null;
  /** How many events the conversation had afterwards: the answer's cursor is `<seen>:0`. */
  readonly seen: number;
}

const nothing: Answer = { messageId: null, generationId: null, promptSha256: null, seen: 0 };

/** The answer is read off the events of its command, so the log needs no record of answers. */
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
      // The end of one generation opens the next one, whose prompt belongs to an earlier command.
      return event.data.generationId === answer.generationId ? { ...answer, promptSha256: event.data.sha256 } : answer;
    default:
      return answer;
  }
}
