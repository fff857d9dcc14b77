import { type BinaryEventData, binaryEvent, type RecordedEvent as ServerEvent } from '@eventstore/db-client';
import type { NewEvent, RecordedEvent } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import { InvalidAppend } from '../../ports/log-rules.js';
import { positionOf } from './position.js';

/** A regular expression for the streams of Verbatim, without streams of the server and reserved ones. */
export const PRODUCT_STREAMS = '^[a-z]+-';

/** The stream with the identity of the log. No other stream of Verbatim can have its name. */
export const IDENTITY_STREAM = 'verbatim.log';

const productStreams = new RegExp(PRODUCT_STREAMS);

/** The metadata of an event. It is JSON, so that the server's own tools can read it. */
interface CustomMetadata {
  readonly $correlationId?: string;
  readonly $causationId?: string;
  readonly tenant: string;
  readonly schema: number;
  readonly at: string;
  /** The text as a JSON string. As JSON the server could change its characters. */
  readonly meta: string;
}

/** Data is sent as bytes. The client would parse JSON, which loses repeated keys and large numbers. */
export function toServer(event: NewEvent): BinaryEventData {
  const { id, type, tenant, schema, at, data, meta } = event;
  const { correlationId, causationId } = JSON.parse(meta) ?? {};
  const metadata: CustomMetadata = {
    ...(typeof correlationId === 'string' && { $correlationId: correlationId }),
    ...(typeof causationId === 'string' && { $causationId: causationId }),
    tenant,
    schema,
    at,
    meta,
  };
  return binaryEvent({ id, type, data: Buffer.from(data), metadata });
}

export function requireJson(stream: string, events: readonly NewEvent[]): void {
  for (const { id, data, meta } of events) {
    try {
      JSON.parse(data);
      JSON.parse(meta);
    } catch {
      throw new InvalidAppend('not-json', `append to ${stream}: event ${id} is not JSON`);
    }
  }
}

export const isOfProduct = ({ streamId }: Pick<ServerEvent, 'streamId'>): boolean => productStreams.test(streamId);

/** Undefined for an event of another program, which is not in this log. */
export function fromServer(event: ServerEvent): RecordedEvent | undefined {
  const metadata = event.metadata as Partial<CustomMetadata> | undefined;
  if (!isOfProduct(event) || !isOurs(metadata) || event.isJson) return undefined;
  const { tenant, schema, at, meta } = metadata;
  return {
    id: event.id,
    type: event.type,
    schema,
    tenant,
    at,
    data: Buffer.from(event.data as Uint8Array).toString('utf8'),
    meta,
    stream: event.streamId,
    revision: Number(event.revision),
  };
}

/** An event from a read of all streams, which has a position. */
export function fromAllStreams(event: ServerEvent): RecordedEvent | undefined {
  const recorded = fromServer(event);
  return recorded && event.position && { ...recorded, position: positionOf(event.position, event.id) };
}

function isOurs(metadata: Partial<CustomMetadata> | undefined): metadata is CustomMetadata {
  return (
    typeof metadata?.tenant === 'string' &&
    typeof metadata.at === 'string' &&
    typeof metadata.meta === 'string' &&
    Number.isInteger(metadata.schema) &&
    (metadata.schema as number) <= limits.schemaVersionMax
  );
}
