import type { RecordedEvent } from '../../events/envelope.js';
import { bodyOf, type Content, contentOf } from './content.js';
import { base64, type Hash, sha256 } from './hashes.js';

/** C2SP bundles write the length in two bytes. The names of an event are bounded, so no entry comes near this bound. */
const ENTRY_BYTES_MAX = 2_048;

/** The names of the event are longer than a log takes them. */
export class EntryTooLong extends Error {
  constructor({ stream, revision }: RecordedEvent) {
    super(`the entry of event ${revision} of ${stream} is longer than ${ENTRY_BYTES_MAX} bytes`);
  }
}

export function writtenOrTooLong(write: () => string): string | EntryTooLong {
  try {
    return write();
  } catch (error) {
    if (!(error instanceof EntryTooLong)) throw error;
    return error;
  }
}

/** The place of an entry in its chain: its number, from 0, and the leaf hash of the entry before it. */
export interface ChainLink {
  readonly n: number;
  readonly prev: Hash | null;
}

/**
 * The place of a conversation's first entry among the conversations of its owner. So no conversation can be hidden while a
 * later one is shown.
 */
export interface OwnerLink {
  readonly on: number;
  readonly oprev: Hash | null;
}

/** What an entry says of its event, apart from its place in the chain. */
export interface EventFacts {
  readonly event: RecordedEvent;
  readonly content: Content;
  readonly chain: string;
  /** The commitment of the owner. Null before protection began. */
  readonly owner: string | null;
}

/** All events of a tape, up to the seal. */
export interface TapeFacts {
  readonly events: number;
  readonly root: Hash;
}

/** The name of a stream. A longer or another text in the metadata is no conversation. */
const CHAIN = /^conversation-[A-Za-z0-9_-]{1,187}$/;

/** The commitment of a user. Another text would not be one. */
const OWNER = /^[A-Za-z0-9_-]{1,100}$/;

export function factsOf(event: RecordedEvent): EventFacts {
  const { content, meta, isProtected } = contentOf(event);
  const chain = `conversation-${meta.conversation}`;
  return {
    event,
    content,
    chain: typeof meta.conversation === 'string' && CHAIN.test(chain) ? chain : event.stream,
    owner: isProtected && typeof meta.owner === 'string' && OWNER.test(meta.owner) ? meta.owner : null,
  };
}

/** Only the first entry of a conversation with an owner names the owner's conversation before. */
export const needsOwnerLink = ({ chain, owner }: EventFacts, { n }: ChainLink): boolean =>
  n === 0 && owner !== null && chain.startsWith('conversation-');

/** The body that the entry of an event commits to. */
export const bodyOfEvent = ({ content }: Pick<EventFacts, 'content'>): string => bodyOf(content);

export const eventEntry = (facts: EventFacts, link: ChainLink, ownerLink?: OwnerLink): string =>
  written(facts, link, ownerLink, { kind: 'event', body: base64(sha256(bodyOfEvent(facts))) });

/** The entry at the place of the seal, which commits to every event of the tape. */
export const tapeEntry = (seal: EventFacts, { events, root }: TapeFacts, link: ChainLink, ownerLink?: OwnerLink) =>
  written(seal, link, ownerLink, { kind: 'tape', events, root: base64(root) });

interface CommittedTo {
  readonly kind: 'event' | 'tape';
  readonly body?: string;
  readonly events?: number;
  readonly root?: string;
}

/** The members are in the order of RFC 8785, and their texts have nothing that it writes in another way than JSON.stringify. */
function written(
  { event, chain, owner }: EventFacts,
  { n, prev }: ChainLink,
  ownerLink: OwnerLink | undefined,
  { kind, body, events, root }: CommittedTo,
): string {
  const entry = JSON.stringify({
    at: event.at,
    body,
    chain,
    events,
    id: event.id,
    kind,
    n,
    on: ownerLink?.on,
    oprev: ownerLink && hashOrNull(ownerLink.oprev),
    owner,
    prev: hashOrNull(prev),
    rev: event.revision,
    root,
    schema: event.schema,
    stream: event.stream,
    tenant: event.tenant,
    type: event.type,
    v: 1,
  });
  if (Buffer.byteLength(entry) > ENTRY_BYTES_MAX) throw new EntryTooLong(event);
  return entry;
}

const hashOrNull = (hash: Hash | null): string | null => hash && base64(hash);
