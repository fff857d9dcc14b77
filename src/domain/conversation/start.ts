import { Refusal } from '../refusal.js';
import { requireText, requireWellFormed } from '../texts.js';
import type { ConversationDecision } from './conversation.js';
import { chosen } from './settings.js';
import type { Choices } from './tree.js';

export interface Beginning extends Choices {
  readonly title?: string | null;
  readonly system?: string | null;
}

export function start(beginning: Beginning): ConversationDecision {
  return (state) => {
    if (state.owner) throw new Refusal('conversation_exists');
    const { title = null, system = null } = beginning;
    requireWellFormed(title);
    requireText(system);
    return [{ type: 'ConversationStarted', data: { title, system, ...chosen(beginning), purpose: 'chat' } }];
  };
}
