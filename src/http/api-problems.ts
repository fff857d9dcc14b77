import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiProperty, ApiPropertyOptional, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { type ProblemCode, problems } from './problems.js';

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

  @ApiProperty({ enum: Object.keys(problems), description: 'Stable: decide by this.' })
  code!: string;

  @ApiProperty()
  detail!: string;

  @ApiPropertyOptional({ type: [FieldErrorDocument], description: 'Every mistake in the request.' })
  errors?: FieldErrorDocument[];

  @ApiProperty({ description: 'Names this request in the logs.' })
  traceId!: string;
}

/** Any route below /api/ may answer with these. */
const OF_EVERY_ROUTE: readonly ProblemCode[] = [
  'invalid_request',
  'unauthenticated',
  'forbidden',
  'internal_error',
  'unavailable',
];

/** Documents what a route may answer instead of what was asked. */
export function ApiProblems(...codes: ProblemCode[]): MethodDecorator {
  const all = [...new Set([...codes, ...OF_EVERY_ROUTE])];
  const statuses = [...new Set(all.map((code) => problems[code].status))];
  const responses = statuses.map((status) =>
    ApiResponse({
      status,
      description: all.filter((code) => problems[code].status === status).join(', '),
      content: { 'application/problem+json': { schema: { $ref: getSchemaPath(ProblemDocument) } } },
    }),
  );
  return applyDecorators(ApiExtraModels(ProblemDocument), ...responses);
}
