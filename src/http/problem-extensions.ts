import { getSchemaPath } from '@nestjs/swagger';
import type { ProblemCode } from './problems.js';
import { PreviewDocument } from './turn-documents.js';

const COUNT = { type: 'integer', minimum: 0 };
const ID = { type: 'string' };

/** The schemas of the fields that single codes add to a problem. */
export const problemExtensions: Partial<Record<ProblemCode, Readonly<Record<string, object>>>> = {
  content_too_long: { bytes: COUNT, bytesMax: COUNT },
  conversation_full: {
    nodes: { ...COUNT, description: 'Messages, notes and answers.' },
    nodesMax: COUNT,
    textBytes: { ...COUNT, description: 'Bytes of all texts that the conversation ever had, in UTF-8.' },
    textBytesMax: COUNT,
  },
  conversation_busy: { generationId: { ...ID, description: 'The open generation.' } },
  newer_content: {
    node: { ...ID, description: 'The message, or the answer, of a newer release.' },
    setting: { ...ID, description: 'The setting of a newer release, if no node is the reason.' },
  },
  parent_is_queued: { generationId: { ...ID, description: 'The generation that waits.' } },
  prompt_changed: { preview: { $ref: getSchemaPath(PreviewDocument) } },
  prompt_over_budget: {
    tokens: {
      type: 'object',
      properties: {
        prompt: { ...COUNT, description: 'Tokens of the parts that cannot be left out.' },
        budget: COUNT,
        reserved: COUNT,
        limit: COUNT,
        estimated: { type: 'boolean' },
        encoding: { type: 'string' },
      },
      required: ['prompt', 'budget', 'reserved', 'limit', 'estimated', 'encoding'],
    },
  },
  provider_not_configured: {
    provider: { type: 'string' },
    missing: {
      type: 'string',
      enum: ['model'],
      description: 'No client or setting has chosen one, and the provider has no default.',
    },
  },
  queue_full: { turnsMax: COUNT },
};
