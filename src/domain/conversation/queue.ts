import type { ConversationEvent } from '../../events/conversation-events.js';
import { endedUncalled } from '../finalization.js';
import type { AssembledPrompt } from '../prompt/assemble.js';
import { Refusal } from '../refusal.js';
import { type Conversation, foreseen } from './conversation.js';
import type { AllChoices, Reply } from './nodes.js';
import { pathTo, replyOf } from './tree.js';

export type WhenBusy = NonNullable<AllChoices['whenBusy']>;

/**
 * The prompt of a generation that stands in the state, or why there can be none. The state may be a foreseen one: the
 * message that is to be answered has no event yet, and its text is found by its id on the path.
 */
export type Assemble = (state: Conversation, reply: Reply) => AssembledPrompt | Refusal;

export const promptAssembled = ({ id, parent }: Reply, prompt: AssembledPrompt): ConversationEvent => ({
  type: 'PromptAssembled',
  data: { ...prompt, generationId: id, messageId: parent, attempt: 1 },
});

/** The reply after which a turn would run, if it had to wait: what it follows unless it says otherwise. */
export function replyBefore(state: Conversation, whenBusy: WhenBusy): string | null {
  const ahead = whenBusy === 'interrupt' ? state.queue.filter((id) => isNext(state, id)) : state.queue;
  return ahead.at(-1) ?? state.open;
}

/** A turn that goes to the front must not contain what a turn behind it has yet to answer. */
export function requireAnsweredBefore(state: Conversation, messageId: string): void {
  const waiting = pathTo(state, messageId).find(({ id }) => state.queue.includes(id) && !isNext(state, id));
  if (waiting) throw new Refusal('parent_is_queued', { generationId: waiting.id });
}

const isNext = (state: Conversation, id: string): boolean => replyOf(state, id).turn === 'next';

/**
 * What must stand beside the end of the open generation: the prompt of the next in the queue, or its end where it cannot
 * be assembled any more, and so on until one is open or none is left. So nothing waits behind nothing.
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
