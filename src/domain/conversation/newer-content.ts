import type { GenerationFinalized, MessageSent } from './nodes.js';

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

/** The same of a reply. One that failed enters no prompt, whatever it contains. */
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
