import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiExtraModels, getSchemaPath } from '@nestjs/swagger';
import type { PreviewSubject } from '../commands/turns.js';
import { InvalidRequest } from './invalid-request.js';
import { PreviewBody } from './turn-bodies.js';

const OF_A_MESSAGE = ['content', 'parent', 'revises'] as const;

/** `previewedIn` refuses a message beside `regenerate`; the document of the API says so too. */
export function ApiPreviewBody(): MethodDecorator {
  const withMessage = OF_A_MESSAGE.map((name) => ({ required: ['regenerate', name] }));
  const schema = { allOf: [{ $ref: getSchemaPath(PreviewBody) }, { not: { anyOf: withMessage } }] };
  return applyDecorators(ApiExtraModels(PreviewBody), ApiBody({ schema }));
}

/** A message that is not sent yet, or another try. The fields of one exclude those of the other. */
export function previewedIn(body: PreviewBody): PreviewSubject {
  const { regenerate, content = '', parent, revises } = body;
  if (regenerate === undefined) return { message: { content, origin: 'person', parent, revises } };
  const besides = OF_A_MESSAGE.filter((name) => body[name] !== undefined);
  const errors = besides.map((path) => ({ path, message: 'must be absent beside regenerate' }));
  if (errors.length > 0) throw new InvalidRequest(errors);
  return { regenerates: regenerate };
}
