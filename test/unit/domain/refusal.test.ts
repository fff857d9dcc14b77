import { describe, expect, it } from '@jest/globals';
import { Refusal, refusals } from '../../../src/domain/refusal.js';

/** Written out: clients decide by these, so a code that goes or changes has to be a decision and not a slip. */
const codes = [
  'already_replied',
  'content_empty',
  'content_too_long',
  'conversation_busy',
  'conversation_exists',
  'conversation_full',
  'conversation_not_found',
  'generation_not_found',
  'idempotency_key_reused',
  'leaf_is_note',
  'leaf_not_found',
  'message_is_note',
  'message_not_found',
  'newer_content',
  'node_not_found',
  'nothing_to_regenerate',
  'parent_is_note',
  'parent_is_queued',
  'parent_not_found',
  'prompt_changed',
  'prompt_not_known_yet',
  'prompt_over_budget',
  'provider_not_configured',
  'queue_full',
  'revision_mismatch',
  'text_malformed',
];

describe('the catalogue of refusals', () => {
  it('is what clients know', () => {
    expect(Object.keys(refusals).sort()).toEqual(codes);
  });

  it.each(Object.entries(refusals))('says of %s what it is about', (code, message) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(message).toMatch(/^[A-Z].*\.$/);
    const refusal = new Refusal(code as keyof typeof refusals, { count: 1 });
    expect(refusal).toBeInstanceOf(Error);
    expect(refusal).toMatchObject({ code, message, details: { count: 1 } });
  });
});
