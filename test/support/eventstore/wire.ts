import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { Expected, Judgement, ProposedEvent, StoredEvent } from './stored-events.js';

/** Between the protocol's messages and what they say, with the client's own generated classes. */

/** -1, as it goes through an unsigned field: what a read of one stream says of positions. */
const NO_POSITION = String(2n ** 64n - 1n);

export function streamOf(identifier: shared.StreamIdentifier | undefined): string {
  return Buffer.from(identifier?.getStreamName_asU8() ?? []).toString('utf8');
}

export function proposedEvent(
  message: streams.AppendReq.ProposedMessage | streams.BatchAppendReq.ProposedMessage,
): ProposedEvent {
  return {
    id: message.getId()?.getString() ?? '',
    metadata: new Map(message.getMetadataMap().getEntryList()),
    data: message.getData_asU8(),
    customMetadata: message.getCustomMetadata_asU8(),
  };
}

export function expectedOf(options: streams.AppendReq.Options): Expected {
  if (options.hasAny()) return 'any';
  if (options.hasNoStream()) return 'no-stream';
  if (options.hasStreamExists()) return 'stream-exists';
  return BigInt(options.getRevision());
}

export function batchExpectedOf(options: streams.BatchAppendReq.Options): Expected {
  if (options.hasAny()) return 'any';
  if (options.hasNoStream()) return 'no-stream';
  if (options.hasStreamExists()) return 'stream-exists';
  return BigInt(options.getStreamPosition());
}

export function appendAnswer(judgement: Judgement, expected: Expected): streams.AppendResp {
  const answer = new streams.AppendResp();
  if (judgement.is === 'wrong-version')
    return answer.setWrongExpectedVersion(wrongVersion(judgement.current, expected));
  const { revision, position } = judgement.last;
  const where = new streams.AppendResp.Position().setCommitPosition(`${position}`).setPreparePosition(`${position}`);
  return answer.setSuccess(new streams.AppendResp.Success().setCurrentRevision(`${revision}`).setPosition(where));
}

function wrongVersion(current: number, expected: Expected): streams.AppendResp.WrongExpectedVersion {
  const wrong = new streams.AppendResp.WrongExpectedVersion();
  if (current < 0) wrong.setCurrentNoStream(new shared.Empty());
  else wrong.setCurrentRevision(`${current}`);
  if (typeof expected === 'bigint') return wrong.setExpectedRevision(`${expected}`);
  if (expected === 'no-stream') return wrong.setExpectedNoStream(new shared.Empty());
  return wrong.setExpectedStreamExists(new shared.Empty());
}

/** Only reads of all streams know positions. */
export function eventAnswer(event: StoredEvent, position: bigint | undefined): streams.ReadResp {
  const where = position === undefined ? NO_POSITION : `${position}`;
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent()
    .setId(new shared.UUID().setString(event.id))
    .setStreamIdentifier(identifierOf(event.stream))
    .setStreamRevision(`${event.revision}`)
    .setCommitPosition(where)
    .setPreparePosition(where);
  recorded.setData(event.data);
  recorded.setCustomMetadata(event.customMetadata);
  const metadata = recorded.getMetadataMap();
  for (const [name, value] of event.metadata) metadata.set(name, value);
  metadata.set('created', `${event.created}`);
  const read = new streams.ReadResp.ReadEvent().setEvent(recorded);
  if (position === undefined) read.setNoPosition(new shared.Empty());
  else read.setCommitPosition(where);
  return new streams.ReadResp().setEvent(read);
}

export function identifierOf(stream: string): shared.StreamIdentifier {
  return new shared.StreamIdentifier().setStreamName(Buffer.from(stream));
}

export function notFound(stream: string): streams.ReadResp {
  const missing = new streams.ReadResp.StreamNotFound().setStreamIdentifier(identifierOf(stream));
  return new streams.ReadResp().setStreamNotFound(missing);
}

export function confirmation(id: string): streams.ReadResp {
  return new streams.ReadResp().setConfirmation(new streams.ReadResp.SubscriptionConfirmation().setSubscriptionId(id));
}

export function checkpoint(position: bigint): streams.ReadResp {
  const where = new streams.ReadResp.Checkpoint().setCommitPosition(`${position}`).setPreparePosition(`${position}`);
  return new streams.ReadResp().setCheckpoint(where);
}

export const caughtUp = (): streams.ReadResp => new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp());

/** What a filter lets through. It is either about streams or about types. */
export function filterOf(options: streams.ReadReq.Options): (event: StoredEvent) => boolean {
  const filter = options.getFilter();
  if (!filter) return () => true;
  const expression = filter.getStreamIdentifier() ?? filter.getEventType();
  const prefixes = expression?.getPrefixList() ?? [];
  const regex = expression?.getRegex() ? new RegExp(expression.getRegex()) : undefined;
  const subject = filter.hasStreamIdentifier()
    ? (event: StoredEvent) => event.stream
    : (event: StoredEvent) => event.metadata.get('type') ?? '';
  return (event) => {
    const text = subject(event);
    return regex ? regex.test(text) : prefixes.some((prefix) => text.startsWith(prefix));
  };
}
