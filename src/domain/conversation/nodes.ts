import type { ConversationEvent } from '../../events/conversation-events.js';
import type { Failure } from '../../events/outcome.js';

type DataOf<T extends ConversationEvent['type']> = Extract<ConversationEvent, { type: T }>['data'];

export type MessageSent = DataOf<'MessageSent'>;
export type GenerationRequested = DataOf<'GenerationRequested'>;
export type PromptAssembled = DataOf<'PromptAssembled'>;
export type GenerationFinalized = DataOf<'GenerationFinalized'>;

/** What one turn may choose for itself. Absent or null: as the conversation has it. */
export type Choices = GenerationRequested['options'];

/** Each choice, made or null. */
export type AllChoices = { readonly [C in keyof Choices]-?: Exclude<Choices[C], undefined> };

interface Placed {
  readonly id: string;
  readonly parent: string | null;
  readonly at: string;
  /** How many events the conversation had when it came: the first part of its cursor, and the order of nodes. */
  readonly seen: number;
  /** Where its path begins, and how many nodes of it come before this one: so that nobody has to walk it to know. */
  readonly root: string;
  readonly depth: number;
}

/** What somebody wrote. A note stands beside the tree: nothing follows it, and no prompt contains it. */
export interface Message extends Placed {
  readonly kind: 'message' | 'note';
  readonly role: MessageSent['role'];
  readonly origin: MessageSent['origin'];
  readonly text: string;
  readonly revises: string | null;
  readonly replied: boolean;
}

/** How a generation ended, with the text of its answer. */
export type Result = Omit<GenerationFinalized, 'blocks'> & { readonly text: string };

/** One generation: what was asked, the prompt once it is known, and how it ended once it has. */
export interface Reply extends Placed {
  readonly kind: 'reply';
  /** The message that it answers. */
  readonly parent: string;
  readonly regenerates: string | null;
  readonly options: Choices;
  /** Where it queued when it was asked for; null when it did not have to. */
  readonly turn: 'next' | 'last' | null;
  /** Of the request that asked for it: what is done for it later belongs to the same trace. */
  readonly correlationId: string;
  readonly traceparent: string | undefined;
  readonly prompt: PromptAssembled | null;
  readonly promptedAt: string | null;
  readonly cancelRequested: boolean;
  readonly result: Result | null;
  /** How many events the conversation had when it ended; null while it has not. */
  readonly endSeen: number | null;
}

export type Node = Message | Reply;

/** Of a node, what people are shown. */
export type ShownNode = ShownMessage | ShownReply;
export type ShownMessage = Omit<Message, 'replied' | 'root' | 'depth'>;
export interface ShownReply extends Pick<Reply, 'kind' | 'id' | 'parent' | 'at' | 'seen' | 'regenerates' | 'endSeen'> {
  readonly prompt: Pick<PromptAssembled, 'model'> | null;
  readonly result:
    | (Pick<Result, 'status' | 'text' | 'modelServed' | 'usage' | 'cost'> & {
        readonly error?: Failure | null;
      })
    | null;
}
