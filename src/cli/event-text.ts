import type { RecordedEvent } from '../events/envelope.js';
import { limits } from '../limits.js';
import type { Positions } from './opened-log.js';
import { shortened } from './visible.js';

/** Contains data and metadata exactly as they are recorded. To parse and format them could change them. */
export function eventJson({ data, meta, ...envelope }: RecordedEvent): string {
  const { position, stream, revision, id, type, schema, tenant, at } = envelope;
  const head = JSON.stringify({ position, stream, revision, id, type, schema, tenant, at });
  return `${head.slice(0, -1)},"data":${onOneLine(data)},"meta":${onOneLine(meta)}}\n`;
}

/** In JSON a line break occurs only between values: in a text it is escaped. */
const onOneLine = (json: string): string => json.replace(/[\r\n]/g, ' ');

export function eventLine({ position, at, stream, revision, type, data }: RecordedEvent, positions: Positions): string {
  const place = position === undefined ? '' : `${positions.show(position)}  `;
  return `${place}${at}  ${stream} ${revision}  ${type}  ${shortened(data, limits.eventTextCharactersMax)}\n`;
}
