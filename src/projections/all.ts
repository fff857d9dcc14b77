import type { ProjectionShape } from '../ports/read-models/read-models.js';
import { conversations } from './conversations/projection.js';
import { messages } from './messages/projection.js';
import type { Projection } from './projection.js';
import { runs } from './runs/projection.js';
import { usage } from './usage/projection.js';

export const projections: readonly Projection[] = [conversations, messages, runs, usage];

/** What the rows of several conversations stand in belongs to one lane. */
export const shapeOf = ({ name, version, tables, isByConversation }: Projection, lanes: number): ProjectionShape => ({
  name,
  version,
  tables,
  lanes: isByConversation ? lanes : 1,
});
