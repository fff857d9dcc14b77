import { RetryableError, TerminalError } from './errors.js';

/** The message of one event. All its texts are those of the log, unchanged. */
export interface RelayMessage {
  /** What has one order: messages with the same key go to the same partition. */
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** So many bytes are taken in no send, though the destination is well: what is sent in fewer pieces may be. */
export class MessagesTooLarge extends TerminalError {}

/**
 * The destination answers, and refuses: a missing right, a wrong password, a policy. Its operators can change that while
 * this process runs, so it is asked again, but rarely: some brokers lock an account after a number of failures.
 */
export class DeniedByDestination extends RetryableError {}

/** A way out that is open. After a failure it is closed, and another one opened. */
export interface RelayConnection {
  /** Fixed for ever: a key that moved to another partition would lose its order. */
  readonly partitions: number;
  /**
   * Resolves when all of them are acknowledged and kept, in this order. One send at a time. Throws
   * RetryableError if it is unknown whether they are kept: send them again before any later message. Throws TerminalError
   * if the destination will never keep them.
   */
  send(partition: number, messages: readonly RelayMessage[], stop: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Another system's log, which is given ours. */
export interface RelayDestination {
  /** How far one destination has got says nothing of another. */
  readonly name: string;
  /**
   * Throws RetryableError when it cannot be reached now, DeniedByDestination when it refuses, TerminalError when it is not
   * what it has to be.
   */
  connect(stop: AbortSignal): Promise<RelayConnection>;
}
