import { RetryableError, TerminalError } from '../../ports/errors.js';
import { DeniedByDestination, MessagesTooLarge } from '../../ports/relay.js';

/** What an operator of Kafka changes while the relay runs: rights, users, passwords, policies. */
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

/** What only another version or another setting of the relay changes. Everything else is tried again at the usual pace. */
const REFUSALS: ReadonlySet<string> = new Set([
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_REQUIRED_ACKS',
  'INVALID_RECORD',
  'UNSUPPORTED_VERSION',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'KafkaJSServerDoesNotSupportApiKey',
]);

const TOO_LARGE: ReadonlySet<string> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

/** Names alone, but for a broker that cannot be reached: a client's message may quote what it was given. */
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

/** Which broker, and why: what the client says of a connection or a deadline is made of addresses and names of requests. */
function brokerTroubleOf(error: unknown): string | undefined {
  const trouble = wrappedIn(error).find(({ broker }) => typeof broker === 'string');
  return trouble && `${trouble.message} (${trouble.broker})`;
}

function namesOf(error: unknown): string[] {
  const names = wrappedIn(error).flatMap(({ type, code, name }) => [type, code, name]);
  return names.filter((name): name is string => typeof name === 'string');
}

type ClientError = Error & Readonly<Record<'type' | 'code' | 'errors' | 'broker', unknown>>;

/** An error and what is behind it, the deepest first: the client wraps them, and gives up for a reason. */
function wrappedIn(error: unknown): ClientError[] {
  if (!(error instanceof Error)) return [];
  const { cause, errors } = error as ClientError;
  const behind = [cause, ...(Array.isArray(errors) ? errors : [])].flatMap(wrappedIn);
  return [...behind, error as ClientError];
}
