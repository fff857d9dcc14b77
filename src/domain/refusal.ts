/**
 * Every way in which the domain says no, and what it tells the caller. A code is part of the public contract: it is
 * never renamed, and whoever answers over a protocol maps each one of them.
 */
export const refusals = {
  conversation_not_found: 'There is no such conversation.',
  conversation_exists: 'This conversation has already been started.',
  message_not_found: 'There is no such message in this conversation.',
  generation_not_found: 'There is no such generation in this conversation.',
  idempotency_key_reused: 'This idempotency key came with another request before.',

  content_empty: 'A message needs a text.',
  content_too_long: 'The text is too long.',
  text_malformed: 'A text contains NUL or half of a surrogate pair.',

  parent_not_found: 'There is no such node to follow in this conversation.',
  parent_is_note: 'Nothing can follow a note.',
  parent_is_queued: 'A turn that interrupts cannot build on a reply that would run after it.',
  revision_mismatch: 'A revision keeps the parent and the kind of the message that it revises.',
  message_is_note: 'A note has no reply.',
  already_replied: 'This message has a reply: regenerate that one.',
  nothing_to_regenerate: 'This generation is still waiting for its turn: there is no answer yet.',
  leaf_not_found: 'There is no such node to select in this conversation.',
  leaf_is_note: 'A note cannot be selected.',
  node_not_found: 'There is no such node to page back from in this conversation.',

  conversation_full: 'This conversation takes no more: start another one.',
  conversation_busy: 'Another generation is open in this conversation.',
  queue_full: 'Too many turns are waiting in this conversation.',
  prompt_changed: 'The prompt would not be the expected one.',
  prompt_not_known_yet: 'The prompt depends on a reply that has not ended.',
  prompt_over_budget: 'The prompt does not fit its token budget.',
  provider_not_configured: 'This provider is not configured.',
} as const;

export type RefusalCode = keyof typeof refusals;

/** A no of the domain: nothing was changed, and the same request would be refused again while nothing else changes. */
export class Refusal extends Error {
  constructor(
    readonly code: RefusalCode,
    /** For the caller: counts, hashes, ids. Never a person's text, because errors end up in diagnostics. */
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(refusals[code]);
  }
}
