import { setImmediate } from 'node:timers/promises';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { Metadata, type ServerReadableStream, type ServiceError, type sendUnaryData, status } from '@grpc/grpc-js';
import type { Faults } from './faults.js';
import type { Expected, ProposedEvent, StoredEvents } from './stored-events.js';
import { appendAnswer, expectedOf, proposedEvent, streamOf } from './wire.js';

export type AppendCall = ServerReadableStream<streams.AppendReq, streams.AppendResp>;

/** The default MaxAppendSize of a server. */
export const APPEND_BYTES_MAX = 1024 * 1024;

export interface AppendParts {
  readonly events: StoredEvents;
  readonly faults: Faults;
  readonly cutConnections: () => void;
  /** Called with the expected revision, as soon as it is known. */
  readonly onExpected: (expected: Expected) => void;
}

export async function append(
  call: AppendCall,
  answer: sendUnaryData<streams.AppendResp>,
  { events, faults, cutConnections, onExpected }: AppendParts,
): Promise<void> {
  const { options, proposed } = await received(call);
  // A connection that broke off looks like the end of what was sent, until the call is told of it.
  await setImmediate();
  if (call.cancelled) return;
  const stream = streamOf(options.getStreamIdentifier());
  const expected = expectedOf(options);
  onExpected(expected);
  const leaderPort = faults.takeNotLeader('append');
  if (leaderPort !== undefined) return answer(notLeader(leaderPort));
  if (faults.broken.has(stream)) return answer(failure(status.UNKNOWN, 'Unexpected exception'));
  if (proposed.reduce((sum, event) => sum + sizeBytes(event), 0) > APPEND_BYTES_MAX) return answer(tooLarge());
  const judgement = events.append(stream, expected, proposed);
  if (faults.takeLostAnswer()) return cutConnections();
  faults.answer(() => answer(null, appendAnswer(judgement, expected)));
}

async function received(call: AppendCall) {
  let options = new streams.AppendReq.Options();
  const proposed: ProposedEvent[] = [];
  for await (const message of call as AsyncIterable<streams.AppendReq>) {
    const event = message.getProposedMessage();
    if (event) proposed.push(proposedEvent(event));
    else options = message.getOptions() ?? options;
  }
  return { options, proposed };
}

/** As the server counts: two bytes for each character of a type. */
export function sizeBytes({ data, customMetadata, metadata }: ProposedEvent): number {
  return data.length + customMetadata.length + 2 * (metadata.get('type')?.length ?? 0);
}

/** The trailers distinguish the server's own errors. */
export function failure(code: status, details: string, trailers: Record<string, string> = {}): ServiceError {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(trailers)) metadata.set(name, value);
  return Object.assign(new Error(details), { code, details, metadata });
}

export const notLeader = (port: number): ServiceError =>
  failure(status.NOT_FOUND, 'Leader info available', {
    exception: 'not-leader',
    'leader-endpoint-host': '127.0.0.1',
    'leader-endpoint-port': `${port}`,
  });

const tooLarge = (): ServiceError =>
  failure(status.INVALID_ARGUMENT, `Maximum Append Size of ${APPEND_BYTES_MAX} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': `${APPEND_BYTES_MAX}`,
  });
