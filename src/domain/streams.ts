const CONVERSATION = 'conversation-';
const GENERATION = 'generation-';

/** The names of the streams of a conversation: its ledger of turns, and the tape of each generation. */
export const conversationStream = (id: string): string => `${CONVERSATION}${id}`;
export const generationStream = (id: string): string => `${GENERATION}${id}`;

type InStream = { readonly stream: string };

/** The conversation of a ledger. */
export const conversationOf = ({ stream }: InStream): string => stream.slice(CONVERSATION.length);

/** The generation of a tape: its events do not repeat it. */
export const generationOf = ({ stream }: InStream): string => stream.slice(GENERATION.length);

/** Whether an event is on a tape; every other event of a conversation is in its ledger. */
export const isOfTape = ({ stream }: InStream): boolean => stream.startsWith(GENERATION);

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** True for a valid id. Other texts may not even form the name of a stream. */
export const isConversationId = (id: string): boolean => UUID.test(id);
