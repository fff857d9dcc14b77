import code from '@eventstore/db-client/generated/code_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import statuses from '@eventstore/db-client/generated/status_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { type ServerDuplexStream, type ServiceError, status } from '@grpc/grpc-js';
import { APPEND_BYTES_MAX, type AppendParts, failure, notLeader, sizeBytes } from './appends.js';
import type { Judgement, ProposedEvent } from './stored-events.js';
import { batchExpectedOf, proposedEvent, streamOf } from './wire.js';

export type BatchAppendCall = ServerDuplexStream<streams.BatchAppendReq, streams.BatchAppendResp>;

export interface BatchAppendParts extends AppendParts {
  /** What this node answers because it does not lead; nothing when it leads. */
  readonly misdirection: () => ServiceError | undefined;
}

interface Pending {
  readonly options: streams.BatchAppendReq.Options;
  readonly proposed: ProposedEvent[];
}

const { Code } = code;

/**
 * Many appends over one call, as a real server serves them (23.10): each is written when its last part has come, and
 * answered under its correlation id. Only what is wrong with the node ends the call, for all appends on it.
 */
export function batchAppend(call: BatchAppendCall, parts: BatchAppendParts): void {
  const pending = new Map<string, Pending>();
  call.on('data', (request: streams.BatchAppendReq) => {
    const id = uuidOf(request.getCorrelationId());
    const options = request.getOptions();
    if (options && isOver(options)) {
      answer(call, request, options, refusal(TIMEOUT));
      return;
    }
    if (options && !pending.has(id)) pending.set(id, { options, proposed: [] });
    const append = pending.get(id);
    if (!append) return;
    append.proposed.push(...request.getProposedMessagesList().map(proposedEvent));
    if (!request.getIsFinal()) return;
    pending.delete(id);
    write(call, request, append, parts);
  });
  // What a client has not finished when it leaves is not written.
  call.on('cancelled', () => pending.clear());
}

function write(
  call: BatchAppendCall,
  request: streams.BatchAppendReq,
  { options, proposed }: Pending,
  parts: BatchAppendParts,
): void {
  if (call.cancelled || call.writableEnded) return;
  const { events, faults, cutConnections } = parts;
  const stream = streamOf(options.getStreamIdentifier());
  const expected = batchExpectedOf(options);
  parts.onExpected(expected);
  const trouble = troubleOfNode(parts);
  const refused = trouble?.code === status.UNAVAILABLE ? NOT_READY : refusedBefore(stream, proposed, faults);
  if (trouble && refused !== NOT_READY) {
    call.emit('error', trouble);
    return;
  }
  if (refused) {
    answer(call, request, options, refusal(refused));
    return;
  }
  const judgement = events.append(stream, expected, proposed);
  if (faults.takeLostAnswer()) cutConnections();
  else if (!faults.takeUnanswered()) {
    faults.answer(() => {
      answer(call, request, options, result(judgement, expected));
      if (faults.takeBreak()) call.emit('error', failure(status.UNAVAILABLE, 'Server Is Shutting Down'));
    });
  }
}

function troubleOfNode({ faults, misdirection }: BatchAppendParts): ServiceError | undefined {
  const leaderPort = faults.takeNotLeader('append');
  return leaderPort === undefined ? misdirection() : notLeader(leaderPort);
}

function refusedBefore(
  stream: string,
  proposed: readonly ProposedEvent[],
  { broken }: AppendParts['faults'],
): Refusal | undefined {
  if (broken.has(stream)) return UNKNOWN;
  return proposed.reduce((sum, event) => sum + sizeBytes(event), 0) > APPEND_BYTES_MAX ? TOO_LARGE : undefined;
}

/** The deadline is a moment by the client's clock. */
function isOver(options: streams.BatchAppendReq.Options): boolean {
  const deadline = options.getDeadline();
  return deadline !== undefined && deadline.toDate().getTime() <= Date.now();
}

function answer(
  call: BatchAppendCall,
  request: streams.BatchAppendReq,
  options: streams.BatchAppendReq.Options,
  response: streams.BatchAppendResp,
): void {
  if (call.cancelled || call.writableEnded) return;
  call.write(response.setCorrelationId(request.getCorrelationId()).setStreamIdentifier(options.getStreamIdentifier()));
}

type Expected = ReturnType<typeof batchExpectedOf>;

function result(judgement: Judgement, expected: Expected): streams.BatchAppendResp {
  if (judgement.is === 'wrong-version') return refusal(wrongVersion(judgement.current, expected));
  const { revision, position } = judgement.last;
  const where = new shared.AllStreamPosition().setCommitPosition(`${position}`).setPreparePosition(`${position}`);
  const success = new streams.BatchAppendResp.Success().setCurrentRevision(`${revision}`).setPosition(where);
  return new streams.BatchAppendResp().setSuccess(success);
}

interface Refusal {
  readonly code: code.Code;
  readonly message: string;
  readonly type: string;
  readonly details: Uint8Array;
}

const ofServer = (name: string, code: code.Code, details: { serializeBinary(): Uint8Array }): Refusal => ({
  ...{ code, message: name, type: `event_store.client.${name}` },
  details: details.serializeBinary(),
});

const TIMEOUT = ofServer('Timeout', Code.DEADLINE_EXCEEDED, new shared.Timeout());
const UNKNOWN = ofServer('Unknown', Code.UNKNOWN, new shared.Unknown());
const TOO_LARGE = ofServer(
  'MaximumAppendSizeExceeded',
  Code.INVALID_ARGUMENT,
  new shared.MaximumAppendSizeExceeded().setMaxappendsize(APPEND_BYTES_MAX),
);
const NOT_READY: Refusal = {
  ...{ code: Code.OK, message: 'Server Is Not Ready', type: 'google.protobuf.Empty' },
  details: new Uint8Array(),
};

function wrongVersion(current: number, expected: Expected): Refusal {
  const wrong = new shared.WrongExpectedVersion();
  if (current < 0) wrong.setCurrentNoStream(new shared.Empty());
  else wrong.setCurrentStreamRevision(`${current}`);
  if (typeof expected === 'bigint') wrong.setExpectedStreamPosition(`${expected}`);
  else if (expected === 'no-stream') wrong.setExpectedNoStream(new shared.Empty());
  else wrong.setExpectedStreamExists(new shared.Empty());
  return ofServer('WrongExpectedVersion', Code.ALREADY_EXISTS, wrong);
}

/** A status whose third field, of type Any, is there and empty: the class of Any is no direct dependency. */
const WITH_DETAILS = Uint8Array.of(0x1a, 0x00);

function refusal({ code, message, type, details }: Refusal): streams.BatchAppendResp {
  const error = statuses.Status.deserializeBinary(WITH_DETAILS).setCode(code).setMessage(message);
  error.getDetails()?.pack(details, type);
  return new streams.BatchAppendResp().setError(error);
}

function uuidOf(uuid: shared.UUID | undefined): string {
  return uuid?.getString() ?? '';
}
