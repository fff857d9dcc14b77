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

/** The lease on a build. No name begins with another one: leases are counted by how their names begin. */
export const leaseOf = ({ projection, build }: Build): string => `projection ${projection} (build ${build})`;
