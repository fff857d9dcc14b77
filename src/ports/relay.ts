import { RetryableError, TerminalError } from './errors.js';

/** The message of one event. All its texts are those of the log, unchanged. */
export interface RelayMessage {
  /** Messages with the same key go to the same partition, in order. */
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The send is too large for the destination. A smaller one may succeed. */
export class MessagesTooLarge extends TerminalError {}

/**
 * The destination refuses: a missing right, a wrong password, a policy. Its operators can change that while this process
 * runs, so the relay retries, but rarely, because some brokers lock an account after a number of failures.
 */
export class DeniedByDestination extends RetryableError {}

/** An open connection to the destination. After a failure it is closed and another one is opened. */
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

/** Another system to which the relay sends the log. */
export interface RelayDestination {
  /** The name of the destination. Each destination has its own checkpoint. */
  readonly name: string;
  /**
   * Throws RetryableError if it cannot be reached now, DeniedByDestination if it refuses, and TerminalError if it has the
   * wrong configuration.
   */
  connect(stop: AbortSignal): Promise<RelayConnection>;
}
