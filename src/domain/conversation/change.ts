import { isDeepStrictEqual } from 'node:util';
import type { ConversationEvent } from '../../events/conversation-events.js';
import { requireText, requireWellFormed } from '../texts.js';
import { asOwner, type Command, type ConversationDecision, requireRoom, requireRoomForChange } from './conversation.js';
import { choiceNames, type Settings } from './settings.js';
import type { Choices } from './tree.js';

/** An absent field keeps its value; null removes the choice. */
export interface Changes extends Choices {
  readonly title?: string | null;
  readonly archived?: boolean;
  readonly system?: string | null;
}

/** Records the fields that differ. It may run while a generation is open. */
export function change(command: Command, changes: Changes): ConversationDecision {
  return asOwner(command, (state) => {
    const { settings } = state;
    requireWellFormed(changes.title);
    requireText(changes.system);
    requireRoomForChange(state);
    if (changes.system) requireRoom(state);
    return [...renamed(settings, changes), ...archivedOrRestored(settings, changes), ...configured(settings, changes)];
  });
}

function renamed(settings: Settings, { title }: Changes): ConversationEvent[] {
  if (title === undefined || title === settings.title) return [];
  return [{ type: 'ConversationRenamed', data: { title } }];
}

function archivedOrRestored(settings: Settings, { archived }: Changes): ConversationEvent[] {
  if (archived === undefined || archived === settings.archived) return [];
  return [{ type: archived ? 'ConversationArchived' : 'ConversationRestored', data: {} }];
}

function configured(settings: Settings, changes: Changes): ConversationEvent[] {
  const { system } = changes;
  const choices = choiceNames.filter(
    (name) => changes[name] !== undefined && !isDeepStrictEqual(changes[name], settings[name]),
  );
  const data = {
    ...(system !== undefined && system !== (settings.system?.text ?? null) && { system }),
    ...Object.fromEntries(choices.map((name) => [name, changes[name]])),
  };
  return Object.keys(data).length === 0 ? [] : [{ type: 'ConversationConfigured', data }];
}
