import { conversations } from './conversations/projection.js';
import { messages } from './messages/projection.js';
import type { Projection } from './projection.js';
import { runs } from './runs/projection.js';
import { usage } from './usage/projection.js';

export const projections: readonly Projection[] = [conversations, messages, runs, usage];
