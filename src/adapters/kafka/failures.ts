import { RetryableError, TerminalError } from '../../ports/errors.js';
import { DeniedByDestination, MessagesTooLarge } from '../../ports/relay.js';

/** Errors that operators of Kafka can repair while the relay runs: rights, users, passwords, policies. */
const DENIALS: ReadonlySet<string> = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'KafkaJSSASLAuthenticationError',
  'SECURITY_DISABLED',
  'INVALID_CONFIG',
  'POLICY_VIOLATION',
]);

/** Errors that need another version or setting of the relay. All others are retried at the usual pace. */
const REFUSALS: ReadonlySet<string> = new Set([
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_REQUIRED_ACKS',
  'INVALID_RECORD',
  'UNSUPPORTED_VERSION',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'KafkaJSServerDoesNotSupportApiKey',
]);

const TOO_LARGE: ReadonlySet<string> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

/** Only names of errors, because a message may quote its input. For an unreachable broker also its address. */
export function failureOf(error: unknown): RetryableError | TerminalError {
  if (error instanceof RetryableError || error instanceof TerminalError) return error;
  const names = namesOf(error);
  const tooLarge = names.find((each) => TOO_LARGE.has(each));
  if (tooLarge) return new MessagesTooLarge(`Kafka refuses it: ${tooLarge}`, { cause: error });
  const denial = names.find((each) => DENIALS.has(each));
  if (denial) return new DeniedByDestination(`Kafka refuses: ${denial}`, { cause: error });
  const refusal = names.find((each) => REFUSALS.has(each));
  if (refusal) return new TerminalError(`Kafka refuses: ${refusal}`, { cause: error });
  const reason = brokerTroubleOf(error) ?? names[0] ?? 'unknown';
  return new RetryableError(`Kafka cannot be used now: ${reason}`, { cause: error });
}

export function hasName(error: unknown, name: string): boolean {
  return namesOf(error).includes(name);
}

/** The broker and the reason. The client's messages about connections and deadlines have only addresses and names. */
function brokerTroubleOf(error: unknown): string | undefined {
  const trouble = wrappedIn(error).find(({ broker }) => typeof broker === 'string');
  return trouble && `${trouble.message} (${trouble.broker})`;
}

function namesOf(error: unknown): string[] {
  const names = wrappedIn(error).flatMap(({ type, code, name }) => [type, code, name]);
  return names.filter((name): name is string => typeof name === 'string');
}

type ClientError = Error & Readonly<Record<'type' | 'code' | 'errors' | 'broker', unknown>>;

/** An error and its causes, the deepest first, because the client wraps them. */
function wrappedIn(error: unknown): ClientError[] {
  if (!(error instanceof Error)) return [];
  const { cause, errors } = error as ClientError;
  const behind = [cause, ...(Array.isArray(errors) ? errors : [])].flatMap(wrappedIn);
  return [...behind, error as ClientError];
}
