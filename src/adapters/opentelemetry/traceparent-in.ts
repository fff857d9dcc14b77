import type { NewEvent } from '../../events/envelope.js';

/** What the metadata of an event says of the span that caused it. A newer program's metadata may be anything. */
export function traceparentIn({ meta }: Pick<NewEvent, 'meta'>): string | undefined {
  try {
    const traceparent: unknown = JSON.parse(meta)?.traceparent;
    return typeof traceparent === 'string' ? traceparent : undefined;
  } catch {
    // Damaged metadata names no span: the reader of the event reports it.
    return undefined;
  }
}
