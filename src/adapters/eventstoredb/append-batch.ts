import { randomUUID } from 'node:crypto';
import { convertToCommandError } from '@eventstore/db-client';
import type streams from '@eventstore/db-client/generated/streams_pb.js';
import { type ClientDuplexStream, type ServiceError, status } from '@grpc/grpc-js';
import { limits } from '../../limits.js';
import type { QueuedAppend } from './append-queue.js';
import { type BatchAnswer, batchRequest, correlationOf, judged } from './batch-messages.js';
import type { Held } from './connection.js';
import { NoAnswer } from './outage.js';
import type { ServerPosition } from './position.js';

export type BatchCall = ClientDuplexStream<streams.BatchAppendReq, streams.BatchAppendResp>;

/** The server does not know BatchAppend (before 21.10), so it has written none of these appends. */
export class BatchesUnsupported extends Error {}

interface Unanswered {
  readonly stream: string;
  readonly sentAt: number;
  readonly timer: NodeJS.Timeout;
  readonly request: streams.BatchAppendReq;
  resolve(position: ServerPosition | undefined): void;
  reject(error: unknown): void;
}

/**
 * Sends appends over one call to one node. Answers come in any order, so each append has its own id on the call. The end of
 * the call rejects all appends without an answer: each of them may be written.
 */
export class AppendBatch {
  /** The oldest first. */
  private readonly unanswered = new Map<string, Unanswered>();
  private readonly doubting: NodeJS.Timeout;
  private open: BatchCall | undefined;
  private failure: unknown;

  /** Takes over the caller's hold on the node, and releases it when it ends. */
  constructor(private readonly held: Held) {
    held.client.openBatch().then(
      (call) => this.listen(call),
      (error) => this.fail(error),
    );
    this.doubting = setInterval(() => this.doubtSilence(), limits.leaderDoubtMs);
    held.left.addEventListener('abort', this.endIfOver);
    held.replaced.addEventListener('abort', this.onReplaced);
    if (held.replaced.aborted) this.onReplaced();
  }

  /** True if it accepts another append. */
  get isTaking(): boolean {
    if (this.held.left.aborted) return false;
    return this.failure === undefined || this.failure instanceof BatchesUnsupported;
  }

  /** Rejects with an error of the client, also if no answer comes in time. */
  write(append: QueuedAppend, answerMs: number): Promise<ServerPosition | undefined> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      const id = randomUUID();
      const timer = setTimeout(() => this.giveUp(id, answerMs), answerMs);
      const request = batchRequest(id, append);
      this.unanswered.set(id, {
        ...{ stream: append.stream, sentAt: performance.now(), timer, request },
        ...{ resolve, reject },
      });
      // The queue of appends bounds the buffer of the call. Before the call is open, `listen` will send this.
      this.open?.write(request);
    });
  }

  /** Ends the call. Appends without an answer are rejected. */
  close(): void {
    this.end(new NoAnswer('the batch was closed'));
  }

  /** Ends the call after its last answer, once the next append goes to another client. */
  private readonly endIfOver = (): void => {
    if (this.held.left.aborted && this.unanswered.size === 0) this.close();
  };

  private readonly onReplaced = (): void => this.fail(new NoAnswer('another node leads'));

  private listen(call: BatchCall): void {
    this.open = call;
    call.on('error', (error: ServiceError) => this.fail(verdictOn(error)));
    call.on('end', () => this.fail(new NoAnswer('the server has ended the batch')));
    call.on('data', (answer: BatchAnswer) => this.take(answer));
    if (this.failure !== undefined) call.cancel();
    else for (const { request } of this.unanswered.values()) call.write(request);
  }

  private take(answer: BatchAnswer): void {
    const append = this.forget(correlationOf(answer));
    try {
      append?.resolve(judged(answer, append.stream));
    } catch (error) {
      this.held.failed(error);
      append?.reject(error);
    }
    this.endIfOver();
  }

  /** Removes the append with this id. Undefined if the append was given up before its answer. */
  private forget(id: string): Unanswered | undefined {
    const append = this.unanswered.get(id);
    clearTimeout(append?.timer);
    this.unanswered.delete(id);
    return append;
  }

  private giveUp(id: string, afterMs: number): void {
    const error = new NoAnswer(`no answer within ${afterMs} ms`);
    this.forget(id)?.reject(error);
    this.held.failed(error);
    this.endIfOver();
  }

  private doubtSilence(): void {
    for (const { sentAt } of this.unanswered.values()) {
      if (performance.now() - sentAt >= limits.leaderDoubtMs) this.held.doubt();
      return;
    }
  }

  private fail(error: unknown): void {
    if (this.failure !== undefined) return;
    if (!(error instanceof BatchesUnsupported)) this.held.failed(error);
    this.end(error);
  }

  private end(error: unknown): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    clearInterval(this.doubting);
    this.held.left.removeEventListener('abort', this.endIfOver);
    this.held.replaced.removeEventListener('abort', this.onReplaced);
    for (const id of [...this.unanswered.keys()]) this.forget(id)?.reject(error);
    this.open?.cancel();
    this.held.release();
  }
}

const verdictOn = (error: ServiceError): unknown =>
  error.code === status.UNIMPLEMENTED ? new BatchesUnsupported() : convertToCommandError(error);
