import { Refusal } from '../refusal.js';
import type { Conversation } from './conversation.js';

/** Who wants to read. */
export interface Reader {
  readonly tenant: string;
  readonly user: string;
  readonly role: 'member' | 'auditor' | 'admin';
}

/** The one rule for every reading of a conversation: members read their own, auditors and admins all of their tenant's. */
export function mayRead({ owner }: Pick<Conversation, 'owner'>, { tenant, user, role }: Reader): boolean {
  if (owner?.tenant !== tenant) return false;
  return role !== 'member' || owner.user === user;
}

/** To anybody else the conversation does not exist. */
export function requireReadable(state: Pick<Conversation, 'owner'>, reader: Reader): void {
  if (!mayRead(state, reader)) throw new Refusal('conversation_not_found');
}
