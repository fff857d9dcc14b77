/**
 * All refusals of the domain, with their details for the caller. Codes are part of the public contract and are never
 * renamed. A protocol adapter, such as http, maps each of them.
 */
export const refusals = {
  conversation_not_found: 'The conversation does not exist.',
  conversation_exists: 'This conversation has already been started.',
  message_not_found: 'The message does not exist in this conversation.',
  generation_not_found: 'The generation does not exist in this conversation.',
  idempotency_key_reused: 'An earlier request with other content used this idempotency key.',

  content_empty: 'The content is empty or blank.',
  content_too_long: 'The text is too long.',
  text_malformed: 'A text contains NUL or half of a surrogate pair.',

  parent_not_found: 'The parent does not exist in this conversation.',
  parent_is_note: 'A note cannot be the parent of a message.',
  parent_is_queued: 'A turn that interrupts cannot build on a reply that would run after it.',
  revision_mismatch: 'A revision keeps the parent and the kind of the message that it revises.',
  message_is_note: 'A note has no reply.',
  already_replied: 'This message already has a reply: regenerate the reply.',
  nothing_to_regenerate: 'This generation has not started: there is no answer to regenerate.',
  leaf_not_found: 'The node to select does not exist in this conversation.',
  leaf_is_note: 'A note cannot be selected.',
  node_not_found: 'The node to page back from does not exist in this conversation.',

  conversation_full: 'This conversation has reached its size limit: start another one.',
  conversation_busy: 'Another generation is open in this conversation.',
  queue_full: 'Too many turns are waiting in this conversation.',
  prompt_changed: 'The hash of the prompt is not the expected one.',
  prompt_not_known_yet: 'The prompt depends on a reply that has not ended.',
  prompt_over_budget: 'The prompt has more tokens than its budget allows.',
  newer_content: 'Only a newer release can send this prompt: it has content or settings that this one does not know.',
  provider_not_configured: 'This provider is not configured.',
} as const;

export type RefusalCode = keyof typeof refusals;

/** The domain refuses a command. Nothing is changed, and a repeated request is refused again until the state changes. */
export class Refusal extends Error {
  constructor(
    readonly code: RefusalCode,
    /** Details for the caller: counts, hashes, ids. Never texts of users, because errors are logged. */
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(refusals[code]);
  }
}
