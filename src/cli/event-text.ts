import type { RecordedEvent } from '../events/envelope.js';
import { limits } from '../limits.js';
import type { Positions } from './opened-log.js';
import { shortened } from './visible.js';

/** Data and metadata stand in it as they are recorded, to the letter: parsed and written anew they could be others. */
export function eventJson({ data, meta, ...envelope }: RecordedEvent): string {
  const { position, stream, revision, id, type, schema, tenant, at } = envelope;
  const head = JSON.stringify({ position, stream, revision, id, type, schema, tenant, at });
  return `${head.slice(0, -1)},"data":${onOneLine(data)},"meta":${onOneLine(meta)}}\n`;
}

/** In JSON a line break can only stand between values: inside a text it is an escape. */
const onOneLine = (json: string): string => json.replace(/[\r\n]/g, ' ');

export function eventLine({ position, at, stream, revision, type, data }: RecordedEvent, positions: Positions): string {
  const place = position === undefined ? '' : `${positions.show(position)}  `;
  return `${place}${at}  ${stream} ${revision}  ${type}  ${shortened(data, limits.eventTextCharactersMax)}\n`;
}
