import { type BinaryEventData, binaryEvent, type RecordedEvent as ServerEvent } from '@eventstore/db-client';
import type { NewEvent, RecordedEvent } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import { InvalidAppend } from '../../ports/append-rules.js';
import { positionOf } from './position.js';

/** On the server: every stream of the product, no stream of the server's own, and none that is reserved. */
export const PRODUCT_STREAMS = '^[a-z]+-';

/** Where the log is named. Its name is none that a stream of the product can have. */
export const IDENTITY_STREAM = 'verbatim.log';

const productStreams = new RegExp(PRODUCT_STREAMS);

/** The metadata of an event. It is JSON, so that the server's own tools can read it. */
interface CustomMetadata {
  readonly $correlationId?: string;
  readonly $causationId?: string;
  readonly tenant: string;
  readonly schema: number;
  readonly at: string;
  /** The text itself, as a string: as JSON it would come back in other letters. */
  readonly meta: string;
}

/** Data goes as bytes: what goes as JSON is parsed on its way back, and repeated keys and large numbers are lost. */
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

/** Nothing when another program wrote it: then it is no event of this log. */
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

/** As all streams are read: there the server knows positions. */
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
