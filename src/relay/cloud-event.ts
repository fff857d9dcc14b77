import type { RecordedEvent } from '../events/envelope.js';
import { categoryOf } from '../ports/log-rules.js';
import type { RelayMessage } from '../ports/relay.js';

/** The log of the events. Positions of another log or incarnation cannot be compared with these. */
export interface SourceLog {
  readonly identity: string;
  readonly incarnation: string;
}

/** Parsed metadata. A newer version may have written it, so no type of a field is known. */
type HeaderSource = Readonly<Record<string, unknown>>;

/**
 * Makes a CloudEvent 1.0 in binary mode: attributes are headers, and the value is the event's data, byte for byte. Only
 * the metadata is parsed, so events of newer versions are sent unchanged.
 */
export function cloudEventOf(event: RecordedEvent, { identity, incarnation }: SourceLog): RelayMessage {
  const metadata = metadataOf(event);
  const key = conversationOf(event, metadata);
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
  addText(headers, 'ce_correlationid', metadata.correlationId);
  addText(headers, 'ce_causationid', metadata.causationId);
  addText(headers, 'ce_traceparent', metadata.traceparent);
  return { key, value: event.data, headers };
}

/** The key: the conversation, which a tape names in its metadata. An event without a conversation has its stream as key. */
function conversationOf({ stream }: RecordedEvent, { conversation }: HeaderSource): string {
  const category = categoryOf(stream);
  if (category === 'conversation') return stream.slice(category.length + 1);
  return typeof conversation === 'string' ? conversation : stream;
}

function metadataOf({ meta }: RecordedEvent): HeaderSource {
  const parsed: unknown = JSON.parse(meta);
  return typeof parsed === 'object' && parsed !== null ? (parsed as HeaderSource) : {};
}

function addText(headers: Record<string, string>, name: string, value: unknown): void {
  if (typeof value === 'string') headers[name] = value;
}
