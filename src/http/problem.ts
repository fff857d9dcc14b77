import { types } from 'node:util';
import { HttpException } from '@nestjs/common';
import { TooManyFailedKeys } from '../auth/authenticator.js';
import { Refusal } from '../domain/refusal.js';
import { NoNewerMasterKey } from '../keyring/master-rotation.js';
import { OwnersNotRecorded } from '../notary/census-reader.js';
import { NotInRecord, NotRecordedYet } from '../notary/record-reader.js';
import { LogUnavailable, RetryableError } from '../ports/errors.js';
import { ReadModelLost, SearchUnbounded } from '../ports/read-models/read-models.js';
import { KeyMissing, MasterKeyMissing } from '../ports/value-keys.js';
import { ViewBehind } from '../projections/queries/list-coverage.js';
import { InvalidPageToken } from '../projections/queries/pages.js';
import { NewerVersionRunning, RebuildRunning, UnknownProjection } from '../projections/rebuilds.js';
import { CursorBeyondEnd, InvalidCursor } from '../sse/cursor.js';
import { UnknownPosition } from '../sse/run-feed.js';
import { RecordDamaged } from '../sse/run-reader.js';
import { type FieldError, InvalidRequest } from './invalid-request.js';
import { MethodNotAllowed } from './known-paths.js';
import { type ProblemCode, type ProblemType, problems } from './problems.js';

/** The body of an error response: `application/problem+json` of RFC 9457. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly traceId: string;
  /** Fields of single codes, such as the preview of `prompt_changed`. */
  readonly [extension: string]: unknown;
}

/** The problem of a code, with the texts of the catalogue. */
export interface ProblemFinding {
  readonly code: ProblemCode;
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Statuses with which the framework and its plugins refuse a request. Their messages may quote the request. */
const CODES_OF_STATUSES: Readonly<Record<number, ProblemCode>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  // A malformed path parameter.
  414: 'not_found',
  413: 'body_too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
  503: 'unavailable',
};

/** Maps known errors to codes. All others are `internal_error`, without details. */
export function findingOf(error: unknown): ProblemFinding {
  if (error instanceof Refusal) return { code: error.code, detail: error.message, extensions: error.details };
  if (error instanceof InvalidRequest) {
    const [first] = error.errors;
    const detail = first ? `${first.path || 'The body'} ${first.message}.` : undefined;
    return { code: error.code, detail, errors: error.errors };
  }
  if (error instanceof ViewBehind) return { code: 'view_behind' };
  if (error instanceof SearchUnbounded) return { code: 'search_unbounded' };
  if (error instanceof ReadModelLost) return { code: 'view_unavailable' };
  if (error instanceof UnknownProjection) return { code: 'projection_not_found' };
  if (error instanceof RebuildRunning) return { code: 'rebuild_running' };
  if (error instanceof NewerVersionRunning) return { code: 'newer_version_running' };
  if (error instanceof InvalidPageToken) return { code: 'page_token_invalid' };
  if (error instanceof NoNewerMasterKey) return { code: 'no_newer_master_key', detail: `${error.message}.` };
  if (error instanceof KeyMissing || error instanceof MasterKeyMissing) return { code: 'key_missing' };
  if (error instanceof RetryableError) {
    const code = error instanceof LogUnavailable ? 'log_unavailable' : 'unavailable';
    return { code, headers: retryAfter(error.retryAfterMs) };
  }
  if (error instanceof TooManyFailedKeys) return { code: 'rate_limited', headers: retryAfter(error.retryAfterMs) };
  if (error instanceof MethodNotAllowed) return { code: 'method_not_allowed', headers: { allow: error.allowed } };
  if (error instanceof InvalidCursor) return { code: 'cursor_invalid', errors: [error.mistake] };
  if (error instanceof UnknownPosition) return { code: 'cursor_invalid' };
  if (error instanceof CursorBeyondEnd) return { code: 'cursor_beyond_end' };
  if (error instanceof NotRecordedYet) return { code: 'not_recorded_yet' };
  if (error instanceof OwnersNotRecorded) return { code: 'owners_not_recorded' };
  if (error instanceof NotInRecord) return { code: 'not_found' };
  if (error instanceof RecordDamaged) return { code: 'record_damaged' };
  const status = statusOf(error);
  const code = CODES_OF_STATUSES[status] ?? (status >= 400 && status < 500 ? 'invalid_request' : 'internal_error');
  return { code };
}

export function problemOf({ code, detail, errors, extensions }: ProblemFinding, traceId: string): Problem {
  const { title, status } = problems[code];
  // Fields of a code must not replace the fields that every problem has.
  return {
    ...extensions,
    type: `urn:verbatim:problem:${code}`,
    title,
    status,
    code,
    detail: detail ?? `${title}.`,
    ...(errors && { errors }),
    traceId,
  };
}

export function headersOf({ code, headers }: ProblemFinding): Readonly<Record<string, string>> {
  const { headers: usual }: ProblemType = problems[code];
  return { ...usual, ...headers };
}

/** Exceptions of Nest, of Fastify, and of plugins that use http-errors. */
function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  if (isError(error) && 'statusCode' in error && typeof error.statusCode === 'number') return error.statusCode;
  return 500;
}

function retryAfter(milliseconds: number | undefined): Record<string, string> {
  return milliseconds === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(milliseconds / 1000))) };
}

/** True for any error. Fastify's are no native errors, and `instanceof` fails for errors of another realm. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}
