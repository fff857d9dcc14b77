import type { ConversationEvent } from '../../events/conversation-events.js';
import type { AllChoices, Choices } from './tree.js';

/** Null: not chosen here, so the next level decides. */
export interface Settings extends AllChoices {
  readonly title: string | null;
  readonly archived: boolean;
  /** With the event that holds the text, to which prompts refer. */
  readonly system: { readonly text: string; readonly event: string } | null;
}

type Configured = Extract<ConversationEvent, { type: 'ConversationConfigured' }>['data'];

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

/** Applies the settings that an event names. The others keep their values. */
export function configured(settings: Settings, data: Configured, event: string): Settings {
  const { provider, model, params, tokenBudget, whenBusy, instructions, tools, responseFormat, system } = data;
  return {
    ...settings,
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
