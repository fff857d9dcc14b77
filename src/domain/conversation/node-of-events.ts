import type { ConversationEvent } from '../../events/conversation-events.js';
import type { Recorded } from '../decider.js';
import { answerText, isNewerMessage, isNewerReply, messageText } from '../texts.js';
import type { NodePlace } from './nodes.js';
import type { GenerationFinalized, Message, MessageSent, Node, PromptAssembled, Reply } from './tree.js';

type Where = Omit<NodePlace, 'kind'> & { readonly id: string; readonly at: string };
type Requested = Extract<Recorded<ConversationEvent>, { type: 'GenerationRequested' }>;

/** A node as its events make it, in its place in the tree. */
export function sentNode({ kind, role, origin, revises, ...content }: MessageSent, where: Where): Message {
  const isNewer = isNewerMessage({ role, ...content }) && ({ isNewer: true } as const);
  const text = messageText(content.parts);
  return { kind, ...where, role, origin, text, revises: revises ?? null, replied: false, ...isNewer };
}

export function requestedNode({ data, meta }: Requested, where: Where, regenerates: string | null): Reply {
  return {
    kind: 'reply',
    ...where,
    parent: data.messageId,
    regenerates,
    options: data.options,
    turn: data.turn ?? null,
    correlationId: meta.correlationId,
    traceparent: meta.traceparent,
    prompt: null,
    promptedAt: null,
    promptSeen: null,
    cancelRequested: false,
    result: null,
    endSeen: null,
  };
}

export const prompted = (prompt: PromptAssembled, promptedAt: string, promptSeen: number) => ({
  prompt,
  promptedAt,
  promptSeen,
});

export function ended({ blocks, ...end }: GenerationFinalized, endSeen: number) {
  const isNewer = isNewerReply({ status: end.status, blocks }) && ({ isNewer: true } as const);
  return { result: { ...end, text: answerText(blocks) }, endSeen, ...isNewer };
}

/** The node without its text, which no decision reads. */
export function withoutText(node: Node): Node {
  if (node.kind !== 'reply') return { ...node, text: '' };
  return { ...node, result: node.result && { ...node.result, text: '' } };
}
