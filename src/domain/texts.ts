import type { ConversationEvent, GenerationEvent } from '../events/conversation-events.js';
import { limits } from '../limits.js';
import type { GenerationFinalized, MessageSent } from './conversation/tree.js';
import { Refusal } from './refusal.js';

/** With the `u` flag a surrogate pair is one character, so this matches only halves. */
const NUL_OR_HALF_A_PAIR = /\0|\p{Surrogate}/u;

/** Refuses NUL and halves of surrogate pairs, which stores and providers encode differently. */
export function requireWellFormed(...texts: readonly (string | null | undefined)[]): void {
  if (texts.some((text) => text && NUL_OR_HALF_A_PAIR.test(text))) throw new Refusal('text_malformed');
}

export function requireContent(content: string): void {
  if (content.trim() === '') throw new Refusal('content_empty');
  requireText(content);
}

/** Checks a text that enters prompts. Null and undefined are accepted. */
export function requireText(text: string | null | undefined): void {
  if (!text) return;
  requireWellFormed(text);
  requireAtMost(Buffer.byteLength(text, 'utf8'), limits.contentBytesMax);
  requireAtMost(Buffer.byteLength(JSON.stringify(text), 'utf8'), limits.contentEscapedBytesMax);
}

function requireAtMost(bytes: number, bytesMax: number): void {
  if (bytes > bytesMax) throw new Refusal('content_too_long', { bytes, bytesMax });
}

type Blocks = GenerationFinalized['blocks'];
type MessageParts = MessageSent['parts'];
type Delta = Extract<GenerationEvent, { type: 'DeltaReceived' }>['data'];

/** The answer as people read it: its text blocks, joined. */
export const answerText = (blocks: Blocks): string => blocks.map(textOfBlock).join('');

/** An answer without text has no block. */
export const answerBlocks = (text: string): Blocks => (text === '' ? [] : [{ kind: 'text', text }]);

/** The message as people read it: its text parts, joined. */
export const messageText = (parts: MessageParts): string => parts.map(textOfPart).join('');

/** The piece as people read it. A withheld one is recorded, and none of its text leaves the log through a feed or a list. */
export const deltaText = ({ channel, text }: Pick<Delta, 'channel' | 'text'>): string =>
  channel === 'withheld' ? '' : text;

function textOfBlock(block: Blocks[number]): string {
  switch (block.kind) {
    case 'text':
      return block.text;
    case 'reasoning':
    case 'refusal':
    case 'tool_call':
    case 'item':
      return '';
    default:
      return block satisfies never;
  }
}

function textOfPart(part: MessageParts[number]): string {
  switch (part.type) {
    case 'text':
      return part.text;
    case 'image':
    case 'file':
    case 'audio':
    case 'tool_result':
      return '';
    default:
      return part satisfies never;
  }
}

/** Bytes of UTF-8 in the texts of an event that a conversation keeps. */
export function textBytesIn(event: ConversationEvent): number {
  switch (event.type) {
    case 'ConversationStarted':
    case 'ConversationConfigured':
      return bytesOf(event.data.system ?? '');
    case 'MessageSent':
      return bytesOf(messageText(event.data.parts));
    case 'GenerationFinalized':
      return bytesOf(answerText(event.data.blocks));
    case 'ConversationRenamed':
    case 'ConversationArchived':
    case 'ConversationRestored':
    case 'GenerationRequested':
    case 'PromptAssembled':
    case 'GenerationCancelRequested':
    case 'BranchSelected':
      return 0;
    default:
      // An event of a later version has no text that this one keeps.
      event satisfies never;
      return 0;
  }
}

const bytesOf = (text: string): number => Buffer.byteLength(text, 'utf8');

type MessageContent = Pick<MessageSent, 'role' | 'parts' | 'name' | 'rendered'>;

/**
 * Whether a message says what no prompt of this release can contain. Only a later release sends such a message, and a prompt
 * without its content would be another prompt.
 */
export function isNewerMessage({ role, parts, name, rendered }: MessageContent): boolean {
  if (name !== undefined || rendered !== undefined) return true;
  switch (role) {
    case 'user':
    case 'assistant':
      return parts.some(({ type }) => type !== 'text');
    case 'tool':
    case 'system':
    case 'developer':
      return true;
    default:
      return role satisfies never;
  }
}

/** True if a prompt would leave out a part of this reply. A failed reply enters no prompt. */
export function isNewerReply({ status, blocks }: Pick<GenerationFinalized, 'status' | 'blocks'>): boolean {
  switch (status) {
    case 'final':
    case 'cancelled':
      return blocks.some(isNewerBlock);
    case 'error':
      return false;
    case 'blocked':
      return true;
    default:
      return status satisfies never;
  }
}

/** Reasoning and refusals enter no prompt of this release, which records them on the tape alone. */
function isNewerBlock(block: GenerationFinalized['blocks'][number]): boolean {
  switch (block.kind) {
    case 'text':
    case 'reasoning':
    case 'refusal':
      return false;
    case 'tool_call':
    case 'item':
      return true;
    default:
      return block satisfies never;
  }
}
