import type { ConversationEvent } from '../../events/conversation-events.js';
import { endedUncalled } from '../finalization.js';
import type { AssembledPrompt } from '../prompt/assemble.js';
import { Refusal } from '../refusal.js';
import { type Conversation, foreseen } from './conversation.js';
import type { AllChoices, Reply } from './nodes.js';
import { pathTo, replyOf } from './tree.js';

export type WhenBusy = NonNullable<AllChoices['whenBusy']>;

/**
 * Makes the prompt of a generation in the state, or returns the refusal. The message to answer may not be appended yet: its
 * text is found by its id on the path.
 */
export type Assemble = (state: Conversation, reply: Reply) => AssembledPrompt | Refusal;

export const promptAssembled = ({ id, parent }: Reply, prompt: AssembledPrompt): ConversationEvent => ({
  type: 'PromptAssembled',
  data: { ...prompt, generationId: id, messageId: parent, attempt: 1 },
});

/** The reply after which a queued turn would run. It is the default parent of the turn. */
export function replyBefore(state: Conversation, whenBusy: WhenBusy): string | null {
  const ahead = whenBusy === 'interrupt' ? state.queue.filter((id) => isNext(state, id)) : state.queue;
  return ahead.at(-1) ?? state.open;
}

/** An interrupting turn must not follow a message whose answer is still queued behind it. */
export function requireAnsweredBefore(state: Conversation, messageId: string): void {
  const waiting = pathTo(state, messageId).find(({ id }) => state.queue.includes(id) && !isNext(state, id));
  if (waiting) throw new Refusal('parent_is_queued', { generationId: waiting.id });
}

const isNext = (state: Conversation, id: string): boolean => replyOf(state, id).turn === 'next';

/**
 * The events that follow the end of the open generation in the same append: the prompt of the next queued turn, or its end
 * if its prompt cannot be made any more, until one is open or the queue is empty. So no turn waits without an open one.
 */
export function openNext(state: Conversation, assemble: Assemble): readonly ConversationEvent[] {
  const [next] = state.queue;
  if (state.open !== null || next === undefined) return [];
  const event = openedOrEnded(state, replyOf(state, next), assemble);
  return [event, ...openNext(foreseen(state, [event]), assemble)];
}

function openedOrEnded(state: Conversation, reply: Reply, assemble: Assemble): ConversationEvent {
  const prompt = assemble(state, reply);
  if (!(prompt instanceof Refusal)) return promptAssembled(reply, prompt);
  return endedUncalled(reply, 'error', { kind: prompt.code, message: prompt.message });
}
