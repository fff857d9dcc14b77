import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiProperty, ApiPropertyOptional, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { problemExtensions } from './problem-extensions.js';
import { type ProblemCode, type ProblemType, problems } from './problems.js';
import { PreviewDocument } from './turn-documents.js';

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
