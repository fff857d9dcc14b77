import type { RecordedEvent } from '../events/envelope.js';
import type { Build } from '../ports/read-models/read-models.js';

const CONVERSATION = 'conversation-';

/** The stream whose events must stay in order: of its conversation, as far as that can be known of a damaged event. */
export function orderedWith({ stream, meta }: Pick<RecordedEvent, 'stream' | 'meta'>): string {
  if (stream.startsWith(CONVERSATION)) return stream;
  const conversation = conversationIn(meta);
  return conversation === undefined ? stream : CONVERSATION + conversation;
}

function conversationIn(meta: string): string | undefined {
  try {
    const { conversation } = JSON.parse(meta);
    return typeof conversation === 'string' ? conversation : undefined;
  } catch {
    return undefined;
  }
}

/** How the names of the leases on the lanes of a build begin. */
export const leasesOf = ({ projection, build }: Build): string => `projection ${projection} ${build} `;

/** Which lane a stream belongs to: the same on every node and for ever (FNV-1a). */
export function laneOf(stream: string, lanes: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < stream.length; at++) hash = Math.imul(hash ^ stream.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % lanes;
}
