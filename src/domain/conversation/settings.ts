import type { ConversationEvent } from '../../events/conversation-events.js';
import type { Recorded } from '../decider.js';
import type { AllChoices, Choices } from './tree.js';

/** Null: not chosen here, so the next level decides. */
export interface Settings extends AllChoices {
  readonly title: string | null;
  readonly archived: boolean;
  /** With the event that holds the text, to which prompts refer. */
  readonly system: { readonly text: string; readonly event: string } | null;
}

/** The events that set the owner or a setting. */
export type SettingsEvent = Extract<
  Recorded<ConversationEvent>,
  {
    type:
      | 'ConversationStarted'
      | 'ConversationRenamed'
      | 'ConversationArchived'
      | 'ConversationRestored'
      | 'ConversationConfigured';
  }
>;
type Configured = Extract<SettingsEvent, { type: 'ConversationConfigured' }>['data'];

export type SettledBy = Readonly<Partial<Record<keyof Settings | 'owner', number>>>;

interface Settled {
  readonly settings: Settings;
  readonly settledBy: SettledBy;
}

export const noSettings: Settings = {
  title: null,
  archived: false,
  system: null,
  provider: null,
  model: null,
  params: null,
  tokenBudget: null,
  whenBusy: null,
  instructions: null,
  tools: null,
  responseFormat: null,
};

export const choiceNames = [
  'provider',
  'model',
  'params',
  'tokenBudget',
  'whenBusy',
] as const satisfies readonly (keyof Choices)[];

/** The choices of a later release, without which a prompt would be another one. */
export const newerChoiceNames = [
  'instructions',
  'tools',
  'responseFormat',
] as const satisfies readonly (keyof Choices)[];

/** Only the choices that were made, because others are not recorded. */
export function chosen(choices: Choices): Choices {
  const made = choiceNames.filter((name) => choices[name] !== undefined && choices[name] !== null);
  return Object.fromEntries(made.map((name) => [name, choices[name]]));
}

/** The settings that an event names. The others keep their values. */
function configured(data: Configured, event: string): Partial<Settings> {
  const { provider, model, params, tokenBudget, whenBusy, instructions, tools, responseFormat, system } = data;
  return {
    ...(provider !== undefined && { provider }),
    ...(model !== undefined && { model }),
    ...(params !== undefined && { params }),
    ...(tokenBudget !== undefined && { tokenBudget }),
    ...(whenBusy !== undefined && { whenBusy }),
    ...(instructions !== undefined && { instructions }),
    ...(tools !== undefined && { tools }),
    ...(responseFormat !== undefined && { responseFormat }),
    ...(system !== undefined && { system: system === null ? null : { text: system, event } }),
  };
}

/** The settings of one turn: its own choice, or else that of the conversation, or else null. `params` are one choice. */
export function choicesFor(settings: Settings, options: Choices): AllChoices {
  return {
    provider: options.provider ?? settings.provider,
    model: options.model ?? settings.model,
    params: options.params ?? settings.params,
    tokenBudget: options.tokenBudget ?? settings.tokenBudget,
    whenBusy: options.whenBusy ?? settings.whenBusy,
    instructions: options.instructions ?? settings.instructions,
    tools: options.tools ?? settings.tools,
    responseFormat: options.responseFormat ?? settings.responseFormat,
  };
}

/** Applies an event to the settings. `seen` counts the events of the conversation up to this one. */
export function settled({ settings, settledBy }: Settled, event: SettingsEvent, seen: number): Settled {
  const changed = changedSettings(event);
  const names = [...Object.keys(changed), ...(event.type === 'ConversationStarted' ? ['owner'] : [])];
  const by = Object.fromEntries(names.map((name) => [name, seen]));
  return { settings: { ...settings, ...changed }, settledBy: { ...settledBy, ...by } };
}

function changedSettings({ type, data, id }: SettingsEvent): Partial<Settings> {
  switch (type) {
    case 'ConversationStarted':
      return { ...noSettings, ...configured(data, id), title: data.title };
    case 'ConversationRenamed':
      return { title: data.title };
    case 'ConversationArchived':
      return { archived: true };
    case 'ConversationRestored':
      return { archived: false };
    case 'ConversationConfigured':
      return configured(data, id);
    default:
      return type satisfies never;
  }
}
