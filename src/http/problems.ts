import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiProperty, ApiPropertyOptional, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import type { RefusalCode } from '../domain/refusal.js';
import { PreviewDocument } from './turn-documents.js';

export interface ProblemType {
  readonly status: number;
  /** The same for every occurrence; `detail` describes a single one. */
  readonly title: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Short, because what the client waits for takes a short time. */
const RETRY = { 'retry-after': '1' };

/** Every code of the API. A code is never renamed and keeps its status, because clients depend on it. */
export const problems = {
  invalid_request: { status: 400, title: 'The request is malformed' },
  page_token_invalid: { status: 400, title: 'The page token is malformed' },
  cursor_invalid: { status: 400, title: 'The cursor is malformed' },
  unauthenticated: {
    status: 401,
    title: 'A valid API key is needed',
    headers: { 'www-authenticate': 'Bearer' },
  },
  forbidden: { status: 403, title: 'The role of this key does not allow this request' },
  not_found: { status: 404, title: 'The resource does not exist' },
  projection_not_found: { status: 404, title: 'The projection does not exist' },
  conversation_not_found: { status: 404, title: 'The conversation does not exist' },
  message_not_found: { status: 404, title: 'The message does not exist' },
  generation_not_found: { status: 404, title: 'The generation does not exist' },
  method_not_allowed: { status: 405, title: 'This path does not have this method' },
  request_timeout: { status: 408, title: 'The request took too long to arrive' },
  conversation_exists: { status: 409, title: 'The conversation has been started already' },
  conversation_busy: { status: 409, title: 'The conversation is busy', headers: RETRY },
  prompt_changed: { status: 409, title: 'The prompt has changed' },
  newer_content: { status: 409, title: 'The conversation has content of a newer release' },
  newer_version_running: { status: 409, title: 'Processes of a newer version run the projection' },
  rebuild_running: { status: 409, title: 'A rebuild of the projection is already running' },
  no_newer_master_key: { status: 409, title: 'There is no newer master key' },
  not_recorded_yet: { status: 409, title: 'The record does not have it in a signed tree yet', headers: RETRY },
  owners_not_recorded: { status: 409, title: 'The record does not have the owners of conversations' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The content type is not supported' },
  value_refused: { status: 422, title: 'A value breaks a rule' },
  already_replied: { status: 422, title: 'The message has a reply' },
  content_empty: { status: 422, title: 'The text is empty' },
  content_too_long: { status: 422, title: 'The text is too long' },
  conversation_full: { status: 422, title: 'The conversation is full' },
  cursor_beyond_end: { status: 422, title: 'The cursor lies beyond the end' },
  idempotency_key_reused: { status: 422, title: 'The idempotency key belongs to another request' },
  leaf_is_note: { status: 422, title: 'A note cannot be selected' },
  leaf_not_found: { status: 422, title: 'The node to select does not exist' },
  message_is_note: { status: 422, title: 'A note has no reply' },
  node_not_found: { status: 422, title: 'The node to page back from does not exist' },
  nothing_to_regenerate: { status: 422, title: 'There is no answer yet' },
  parent_is_note: { status: 422, title: 'A note cannot be a parent' },
  parent_is_queued: { status: 422, title: 'The parent belongs to a turn that runs later' },
  parent_not_found: { status: 422, title: 'The parent does not exist' },
  prompt_not_known_yet: { status: 422, title: 'The prompt is not known yet' },
  prompt_over_budget: { status: 422, title: 'The prompt does not fit its budget' },
  provider_not_configured: { status: 422, title: 'The provider is not configured' },
  revision_mismatch: { status: 422, title: 'The revision does not match the message that it revises' },
  search_unbounded: { status: 422, title: 'A search needs at least one word without a minus before it' },
  text_malformed: { status: 422, title: 'The text is malformed' },
  queue_full: { status: 429, title: 'Too many turns are waiting', headers: RETRY },
  rate_limited: { status: 429, title: 'Too many requests', headers: RETRY },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  internal_error: { status: 500, title: 'An internal error occurred' },
  record_damaged: { status: 500, title: 'A record does not match its hash' },
  key_missing: { status: 503, title: 'A key is missing', headers: { 'retry-after': '5' } },
  log_unavailable: { status: 503, title: 'The log cannot be reached now', headers: RETRY },
  view_behind: { status: 503, title: 'The view does not cover the requested cursor yet', headers: RETRY },
  view_unavailable: { status: 503, title: 'The view must be rebuilt', headers: { 'retry-after': '5' } },
  unavailable: { status: 503, title: 'The service cannot answer now', headers: RETRY },
} as const satisfies Record<string, ProblemType> & Record<RefusalCode, ProblemType>;

export type ProblemCode = keyof typeof problems;

const COUNT = { type: 'integer', minimum: 0 };
const ID = { type: 'string' };

/** The schemas of the fields that single codes add to a problem. */
const problemExtensions: Partial<Record<ProblemCode, Readonly<Record<string, object>>>> = {
  content_too_long: { bytes: COUNT, bytesMax: COUNT },
  conversation_full: {
    nodes: { ...COUNT, description: 'Messages, notes and answers.' },
    nodesMax: COUNT,
    textBytes: { ...COUNT, description: 'Bytes of all texts that the conversation ever had, in UTF-8.' },
    textBytesMax: COUNT,
  },
  conversation_busy: { generationId: { ...ID, description: 'The open generation.' } },
  newer_content: {
    node: { ...ID, description: 'The message, or the answer, of a newer release.' },
    setting: { ...ID, description: 'The setting of a newer release, if no node is the reason.' },
  },
  parent_is_queued: { generationId: { ...ID, description: 'The generation that waits.' } },
  prompt_changed: { preview: { $ref: getSchemaPath(PreviewDocument) } },
  prompt_over_budget: {
    tokens: {
      type: 'object',
      properties: {
        prompt: { ...COUNT, description: 'Tokens of the parts that cannot be left out.' },
        budget: COUNT,
        reserved: COUNT,
        limit: COUNT,
        estimated: { type: 'boolean' },
        encoding: { type: 'string' },
      },
      required: ['prompt', 'budget', 'reserved', 'limit', 'estimated', 'encoding'],
    },
  },
  provider_not_configured: {
    provider: { type: 'string' },
    missing: {
      type: 'string',
      enum: ['model'],
      description: 'No client or setting has chosen one, and the provider has no default.',
    },
  },
  queue_full: { turnsMax: COUNT },
};

class FieldErrorDocument {
  @ApiProperty({ example: 'parts[0].text', description: 'Empty for the body as a whole.' })
  path!: string;

  @ApiProperty({ example: 'must be a string' })
  message!: string;
}

class ProblemDocument {
  @ApiProperty({ example: 'urn:verbatim:problem:invalid_request' })
  type!: string;

  @ApiProperty()
  title!: string;

  @ApiProperty({ example: 400 })
  status!: number;

  @ApiProperty({ enum: Object.keys(problems), description: 'Stable: programs should use this field.' })
  code!: string;

  @ApiProperty()
  detail!: string;

  @ApiPropertyOptional({ type: [FieldErrorDocument], description: 'Every mistake in the request.' })
  errors?: FieldErrorDocument[];

  @ApiProperty({ description: 'Identifies this request in the logs.' })
  traceId!: string;
}

/** Any route below /api/ may answer with these. */
const OF_EVERY_ROUTE: readonly ProblemCode[] = [
  'invalid_request',
  'unauthenticated',
  'forbidden',
  'rate_limited',
  'internal_error',
  'unavailable',
];

/** Any route that takes a body. */
export const OF_A_BODY: readonly ProblemCode[] = ['invalid_request', 'body_too_large', 'unsupported_media_type'];

/** Documents the problems of a route. */
export const ApiProblems = (...codes: ProblemCode[]): MethodDecorator =>
  ApiKeylessProblems(...codes, ...OF_EVERY_ROUTE);

/** Documents the problems of a route that needs no key. */
function ApiKeylessProblems(...codes: ProblemCode[]): MethodDecorator {
  const all = [...new Set(codes)];
  const statuses = [...new Set(all.map((code) => problems[code].status))];
  const responses = statuses.map((status) => problemResponse(all.filter((code) => problems[code].status === status)));
  return applyDecorators(ApiExtraModels(ProblemDocument, PreviewDocument), ...responses);
}

/** Codes that share a status. */
function problemResponse(codes: readonly ProblemCode[]): MethodDecorator {
  const types: readonly ProblemType[] = codes.map((code) => problems[code]);
  const headers = types.flatMap((type) => Object.keys(type.headers ?? {}));
  const schema = {
    allOf: [{ $ref: getSchemaPath(ProblemDocument) }],
    properties: {
      code: { type: 'string', enum: [...codes] },
      ...Object.assign({}, ...codes.map((code) => problemExtensions[code])),
    },
  };
  return ApiResponse({
    status: types[0]?.status,
    description: codes.join(', '),
    headers: Object.fromEntries(headers.map((name) => [name, { schema: { type: 'string' } }])),
    content: { 'application/problem+json': { schema } },
  });
}
