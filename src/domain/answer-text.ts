import type { GenerationFinalized } from './conversation/nodes.js';

type Blocks = GenerationFinalized['blocks'];

/** The text of the answer: its text blocks, joined. */
export const answerText = (blocks: Blocks): string => blocks.map(({ text }) => text).join('');

/** An answer without text has no block. */
export const answerBlocks = (text: string): Blocks => (text === '' ? [] : [{ kind: 'text', text }]);
