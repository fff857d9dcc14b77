import type { ConversationEvent } from '../../events/conversation-events.js';
import type { Recorded } from '../recorded.js';
import type { PersistentMap } from './persistent-map.js';

/** What a command was answered, so that its repetition is answered the same. */
export interface Answer {
  readonly messageId: string | null;
  readonly generationId: string | null;
  /** Null for a turn that had to wait: its prompt was not known when the answer was given. */
  readonly promptSha256: string | null;
  /** How many events the conversation had afterwards: the answer's cursor is `<seen>:0`. */
  readonly seen: number;
}

/** A command whose events stand. */
export interface Handled {
  readonly fingerprint: string | undefined;
  readonly answer: Answer;
}

const nothing: Answer = { messageId: null, generationId: null, promptSha256: null, seen: 0 };

/** An answer is read off the events of its command, so the log needs no record of answers. */
export function handledAfter(
  handled: PersistentMap<Handled>,
  event: Recorded<ConversationEvent>,
  seen: number,
): PersistentMap<Handled> {
  const { commandId, fingerprint } = event.meta;
  const known = handled.get(commandId) ?? { fingerprint, answer: nothing };
  return handled.set(commandId, { ...known, answer: { ...answerWith(known.answer, event), seen } });
}

function answerWith(answer: Answer, event: ConversationEvent): Answer {
  switch (event.type) {
    case 'MessageSent':
      return { ...answer, messageId: event.data.messageId };
    case 'GenerationRequested':
      return { ...answer, generationId: event.data.generationId };
    case 'PromptAssembled':
      // Ending one generation opens the next: that prompt is nobody's answer.
      return event.data.generationId === answer.generationId ? { ...answer, promptSha256: event.data.sha256 } : answer;
    default:
      return answer;
  }
}
