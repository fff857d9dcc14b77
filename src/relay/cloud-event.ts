import type { RecordedEvent } from '../events/envelope.js';
import { categoryOf } from '../ports/append-rules.js';
import type { RelayMessage } from '../ports/relay.js';

/** The log that the events are from. Positions of another incarnation of it, or of another log, say nothing of these. */
export interface SourceLog {
  readonly identity: string;
  readonly incarnation: string;
}

/** What a header is made of. Of a newer program's metadata only these are known, and whether they are texts is not. */
type HeaderSource = Readonly<Record<string, unknown>>;

/**
 * A CloudEvent 1.0 in binary mode: attributes are headers, and the value is the event's data, to the byte. Nothing but
 * the metadata is looked into, so what a newer program wrote goes out as it is.
 */
export function cloudEventOf(event: RecordedEvent, { identity, incarnation }: SourceLog): RelayMessage {
  const told = metadataOf(event);
  const key = conversationOf(event, told);
  const headers: Record<string, string> = {
    ce_specversion: '1.0',
    ce_id: event.id,
    ce_type: event.type,
    ce_source: `/verbatim/${event.tenant}`,
    ce_subject: event.stream,
    ce_time: event.at,
    'content-type': 'application/json',
    ce_partitionkey: key,
    ce_log: identity,
    ce_incarnation: incarnation,
    ce_position: event.position ?? '',
    ce_revision: String(event.revision),
    ce_schema: String(event.schema),
  };
  addText(headers, 'ce_correlationid', told.correlationId);
  addText(headers, 'ce_causationid', told.causationId);
  addText(headers, 'ce_traceparent', told.traceparent);
  return { key, value: event.data, headers };
}

/** A tape belongs to a conversation that its name does not tell; one that nobody tells has an order of its own. */
function conversationOf({ stream }: RecordedEvent, { conversation }: HeaderSource): string {
  const category = categoryOf(stream);
  if (category === 'conversation') return stream.slice(category.length + 1);
  return typeof conversation === 'string' ? conversation : stream;
}

function metadataOf({ meta }: RecordedEvent): HeaderSource {
  const told: unknown = JSON.parse(meta);
  return typeof told === 'object' && told !== null ? (told as HeaderSource) : {};
}

function addText(headers: Record<string, string>, name: string, value: unknown): void {
  if (typeof value === 'string') headers[name] = value;
}
