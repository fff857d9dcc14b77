import type { ConversationEvent, Failure } from '../../events/conversation-events.js';

type DataOf<T extends ConversationEvent['type']> = Extract<ConversationEvent, { type: T }>['data'];

export type MessageSent = DataOf<'MessageSent'>;
export type GenerationRequested = DataOf<'GenerationRequested'>;
export type PromptAssembled = DataOf<'PromptAssembled'>;
export type GenerationFinalized = DataOf<'GenerationFinalized'>;

/** The choices of one turn. Absent or null: the choice of the conversation. */
export type Choices = GenerationRequested['options'];

/** All choices. Null: not chosen. */
export type AllChoices = { readonly [C in keyof Choices]-?: Exclude<Choices[C], undefined> };

interface Placed {
  readonly id: string;
  readonly parent: string | null;
  readonly at: string;
  /** The number of ledger events up to this node: the first part of its cursor, and the order of nodes. */
  readonly seen: number;
  /** The root of its path, and the number of nodes before it, so that they are known without a walk. */
  readonly root: string;
  readonly depth: number;
  /** A later release recorded content that no prompt of this one can contain. */
  readonly isNewer?: true;
}

/** A message or a note. A note is outside the tree: no node follows it, and no prompt contains it. */
export interface Message extends Placed {
  readonly kind: 'message' | 'note';
  readonly role: MessageSent['role'];
  readonly origin: MessageSent['origin'];
  readonly text: string;
  readonly revises: string | null;
  readonly replied: boolean;
}

/** The end of a generation, with the text of its answer. */
export type Result = Omit<GenerationFinalized, 'blocks'> & { readonly text: string };

/** One generation: its request, its prompt if it is known, and its end if it has ended. */
export interface Reply extends Placed {
  readonly kind: 'reply';
  /** The answered message. */
  readonly parent: string;
  readonly regenerates: string | null;
  readonly options: Choices;
  /** Its place in the queue at its request. Null if it did not wait. */
  readonly turn: 'next' | 'last' | null;
  /** The trace of its request, to which all later work on it belongs. */
  readonly correlationId: string;
  readonly traceparent: string | undefined;
  readonly prompt: PromptAssembled | null;
  readonly promptedAt: string | null;
  readonly cancelRequested: boolean;
  readonly result: Result | null;
  /** The number of ledger events up to its end. Null if it has not ended. */
  readonly endSeen: number | null;
}

export type Node = Message | Reply;

/** The text and status of a node that clients see. */
export type ShownNode = ShownMessage | ShownReply;
export type ShownMessage = Omit<Message, 'replied' | 'root' | 'depth' | 'isNewer'>;
export interface ShownReply extends Pick<Reply, 'kind' | 'id' | 'parent' | 'at' | 'seen' | 'regenerates' | 'endSeen'> {
  readonly prompt: Pick<PromptAssembled, 'model'> | null;
  readonly result:
    | (Pick<Result, 'status' | 'text' | 'modelServed' | 'usage' | 'cost'> & {
        readonly error?: Failure | null;
      })
    | null;
}
