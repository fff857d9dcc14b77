import type { Command } from 'commander';
import type { SigningKeys } from '../formats/record-1/signing-keys.js';
import type { Clock } from '../ports/clock.js';
import type { Api } from './api.js';
import type { ServerOptions } from './api-place.js';
import type { OpenedLog, OpenedRecord } from './opened-log.js';
import type { Output } from './output.js';
import type { ProgramProjection } from './reconciliation.js';

/** The dependencies of the commands. Each command opens only those that it needs. */
export interface CommandParts {
  readonly version: string;
  readonly out: Output;
  readonly err: Output;
  readonly clock: Clock;
  serve(): Promise<void>;
  migrate(): Promise<Migrated>;
  api(options: ServerOptions): Promise<Api>;
  projections(): Promise<readonly ProgramProjection[]>;
  /** `follow` needs a running server, which writes to the log. */
  openLog(options: { readonly follow: boolean }): Promise<OpenedLog>;
  /** The log, and the record that the notary makes of it. */
  openRecord(): Promise<OpenedRecord>;
  /** The file of the key that signs the record. Fails where the key is a setting. */
  recordKeyFile(): Promise<ReplacedKey>;
  /** Replaces a file as a whole. Flushed when it resolves. */
  keepFile(file: string, text: string): Promise<void>;
  /** `onLine` gets what operators should know. */
  witness(options: WitnessOptions, onLine: (facts: object) => void): Promise<StartedWitness>;
  /** Begins a new incarnation of the log. */
  restored(): Promise<Restored>;
  /** Copies the log into an empty one. `database`: where a target on EventStoreDB keeps the places of keyed commands. */
  copyLog(to: CopyPlaces, onProgress: (progress: CopyProgress) => Promise<void>): Promise<LogCopy>;
  /** Copies the embedded stores into a directory. */
  backUp(directory: string): Promise<BackedUp>;
  /** Makes a data directory from such a copy. Its keys may be elsewhere. */
  restore(from: { readonly directory: string; readonly keys: string | undefined }): Promise<RestoredFiles>;
}

/** How far the copy of a log is: the part of the source, from 0 to 1, and the events in it. */
export interface CopyProgress {
  readonly events: number;
  readonly part: number;
}

export interface LogCopy {
  /** Events of the source. */
  readonly events: number;
  /** Of them, those that this call has copied. */
  readonly copied: number;
  readonly incarnation: string;
  /** By tenant, the tree that both logs make. The root is in base64. */
  readonly trees: readonly { readonly tenant: string; readonly size: number; readonly root: string }[];
}

/** Each is a URL or a data directory. */
export interface CopyPlaces {
  readonly log: string;
  readonly database: string | undefined;
}

/** Each call can be repeated after a crash. */
export interface ReplacedKey {
  /** Puts a new key in front, unless an earlier one has not ended yet. */
  begin(): Promise<SigningKeys>;
  /** Puts the public part of a lost key behind the present one. */
  lost(publicKey: Buffer): Promise<SigningKeys>;
  /** Keeps only the public part of earlier keys. */
  finish(): Promise<void>;
}

export interface BackedUp {
  readonly directory: string;
  readonly files: number;
  readonly bytes: number;
}

export interface RestoredFiles {
  readonly dataDir: string;
  /** The new incarnation of the log. */
  readonly incarnation: string;
}

export interface WitnessOptions {
  readonly dir: string;
  readonly name: string;
  readonly trust: readonly string[];
  readonly host: string;
  readonly port: number;
}

export interface StartedWitness {
  readonly verifierKey: string;
  readonly url: string;
  /** Resolves when a signal has stopped it. */
  ended(): Promise<void>;
}

export interface Restored {
  /** The identity of the log, and the name of its new incarnation. */
  readonly log: string;
  readonly incarnation: string;
}

export interface Migrated {
  /** The database and its place, for the output. */
  readonly database: string;
  /** The applied migrations, in order. */
  readonly applied: readonly string[];
}

export interface JsonOption {
  readonly json?: true;
}

export type ServerCommandOptions = ServerOptions & JsonOption;

export const withJson = (command: Command): Command =>
  command.option('--json', 'JSON on one line, or one line for each event');

export const withServer = (command: Command): Command =>
  command
    .option('--url <url>', 'address of the server (default: HOST and PORT, else http://127.0.0.1:3000)')
    .option('--key <key>', 'an API key (default: VERBATIM_ADMIN_KEY, else admin.key in the data directory)');
