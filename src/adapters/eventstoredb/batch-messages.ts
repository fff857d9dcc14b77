import {
  AccessDeniedError,
  InvalidArgumentError,
  MaxAppendSizeExceededError,
  StreamDeletedError,
  TimeoutError,
  UnavailableError,
  UnknownError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { QueuedAppend } from './append-queue.js';
import type { ServerPosition } from './position.js';
import { toServer } from './recorded-event.js';

export type BatchAnswer = streams.BatchAppendResp;

/**
 * One append as one message, without a deadline: the server compares a deadline with its own clock, and refuses all appends
 * if that clock is ahead. Without a deadline the server's own time limit applies.
 */
export function batchRequest(id: string, { stream, expected, events }: QueuedAppend): streams.BatchAppendReq {
  const options = new streams.BatchAppendReq.Options().setStreamIdentifier(
    new shared.StreamIdentifier().setStreamName(Buffer.from(stream)),
  );
  if (expected === 'none') options.setNoStream(new shared.Empty());
  else options.setStreamPosition(`${expected}`);
  return new streams.BatchAppendReq()
    .setCorrelationId(new shared.UUID().setString(id))
    .setOptions(options)
    .setProposedMessagesList(events.map(proposed))
    .setIsFinal(true);
}

function proposed(event: QueuedAppend['events'][number]): streams.BatchAppendReq.ProposedMessage {
  const { id, type, contentType, data, metadata } = toServer(event);
  const message = new streams.BatchAppendReq.ProposedMessage()
    .setId(new shared.UUID().setString(id))
    .setData(data)
    .setCustomMetadata(Buffer.from(JSON.stringify(metadata)));
  message.getMetadataMap().set('type', type).set('content-type', contentType);
  return message;
}

/** A server writes an id as a text or as two numbers. */
export function correlationOf(answer: BatchAnswer): string {
  const id = answer.getCorrelationId();
  const numbers = id?.getStructured();
  if (!numbers) return id?.getString() ?? '';
  const bits = [numbers.getMostSignificantBits(), numbers.getLeastSignificantBits()];
  const digits = bits.map((half) => BigInt.asUintN(64, BigInt(half)).toString(16).padStart(16, '0')).join('');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The revision and position of the last event. Throws the errors that the client throws for its own appends. */
export function judged(answer: BatchAnswer, stream: string): ServerPosition | undefined {
  if (answer.hasError()) throw refusal(answer, stream);
  const position = answer.getSuccess()?.getPosition();
  return position && { commit: BigInt(position.getCommitPosition()), prepare: BigInt(position.getPreparePosition()) };
}

function refusal(answer: BatchAnswer, stream: string): Error {
  const details = answer.getError()?.getDetails();
  const type = details?.getTypeName();
  switch (type) {
    case 'event_store.client.WrongExpectedVersion': {
      const wrong = details?.unpack(shared.WrongExpectedVersion.deserializeBinary, type);
      return wrong ? WrongExpectedVersionError.fromWrongExpectedVersion(wrong, stream) : new UnknownError();
    }
    case 'event_store.client.MaximumAppendSizeExceeded': {
      const limit = details?.unpack(shared.MaximumAppendSizeExceeded.deserializeBinary, type)?.getMaxappendsize();
      return MaxAppendSizeExceededError.fromMaxAppendSize(limit ?? 0);
    }
    case 'event_store.client.StreamDeleted':
      return StreamDeletedError.fromStreamName(stream);
    case 'event_store.client.AccessDenied':
      return new AccessDeniedError();
    case 'event_store.client.BadRequest':
      return new InvalidArgumentError('BadRequest');
    case 'event_store.client.Timeout':
      return new TimeoutError();
    // The node is starting, is overloaded, or knows no leader.
    case 'google.protobuf.Empty':
      return new UnavailableError();
    default:
      return new UnknownError();
  }
}
