import type { GenerationEvent } from '../events/conversation-events.js';
import type { GenerationFinalized, MessageSent } from './conversation/nodes.js';

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
