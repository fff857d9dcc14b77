import { type Position, type RecordedEvent, START } from '../events/envelope.js';
import { limits } from '../limits.js';
import type { RelayMessage } from '../ports/relay.js';
import { cloudEventOf, type SourceLog } from './cloud-event.js';
import { partitionOf } from './partition.js';

/** An event and its message. */
export interface Outgoing {
  readonly event: RecordedEvent;
  readonly message: RelayMessage;
}

/** The messages of one send to one partition. */
export type Batch = readonly [Outgoing, ...Outgoing[]];

/** By partition, the last acknowledged position. */
export type Acknowledged = ReadonlyMap<number, Position>;

interface Growing {
  readonly batches: [Outgoing, ...Outgoing[]][];
  bytes: number;
}

/** The events of a page by partition, in order, in batches that fit one send, without those that are acknowledged. */
export function batchesOf(
  events: readonly RecordedEvent[],
  partitions: number,
  acknowledged: Acknowledged,
  log: SourceLog,
): ReadonlyMap<number, readonly Batch[]> {
  const growing = new Map<number, Growing>();
  for (const event of events) {
    const message = cloudEventOf(event, log);
    const partition = partitionOf(message.key, partitions);
    if (positionOf(event) <= (acknowledged.get(partition) ?? START)) continue;
    const place = growing.get(partition) ?? { batches: [], bytes: 0 };
    growing.set(partition, place);
    add(place, { event, message });
  }
  return new Map([...growing].map(([partition, { batches }]) => [partition, batches]));
}

function add(place: Growing, outgoing: Outgoing): void {
  const bytes = bytesOf(outgoing.message);
  const last = place.batches.at(-1);
  if (last && last.length < limits.relaySendEventsMax && place.bytes + bytes <= limits.relaySendBytesMax) {
    last.push(outgoing);
    place.bytes += bytes;
    return;
  }
  place.batches.push([outgoing]);
  place.bytes = bytes;
}

/** A little more than the bytes on the wire. */
function bytesOf({ key, value, headers }: RelayMessage): number {
  let bytes = limits.relayOverheadPerMessageBytes + Buffer.byteLength(key) + Buffer.byteLength(value);
  for (const name in headers) bytes += name.length + (headers[name]?.length ?? 0);
  return bytes;
}

export function positionOf({ position = START }: RecordedEvent): Position {
  return position;
}
