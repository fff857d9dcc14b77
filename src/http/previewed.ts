import type { PreviewSubject } from '../commands/preview-prompt.js';
import { InvalidRequest } from './invalid-request.js';
import type { PreviewBody } from './turn-bodies.js';

const OF_A_MESSAGE = ['content', 'parent', 'revises'] as const;

/** A message that is not sent yet, or another try: what is said of the one has no place beside the other. */
export function previewedIn(body: PreviewBody): PreviewSubject {
  const { regenerate, content = '', parent, revises } = body;
  if (regenerate === undefined) return { message: { content, origin: 'person', parent, revises } };
  const besides = OF_A_MESSAGE.filter((name) => body[name] !== undefined);
  const errors = besides.map((path) => ({ path, message: 'cannot stand beside regenerate' }));
  if (errors.length > 0) throw new InvalidRequest(errors);
  return { regenerates: regenerate };
}
