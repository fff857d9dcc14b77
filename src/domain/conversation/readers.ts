import { Refusal } from '../refusal.js';
import type { Conversation } from './conversation.js';

/** The tenant, user and role of a reader. */
export interface Reader {
  readonly tenant: string;
  readonly user: string;
  readonly role: 'member' | 'auditor' | 'admin';
}

/** The rule for reading: members read their own conversations, auditors and admins all of their tenant. */
export function mayRead({ owner }: Pick<Conversation, 'owner'>, { tenant, user, role }: Reader): boolean {
  if (owner?.tenant !== tenant) return false;
  return role !== 'member' || owner.user === user;
}

/** For all others the conversation does not exist. */
export function requireReadable(state: Pick<Conversation, 'owner'>, reader: Reader): void {
  if (!mayRead(state, reader)) throw new Refusal('conversation_not_found');
}
