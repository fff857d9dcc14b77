import type { AnswerRequest } from '../domain/conversation/turns.js';

/** The options of a caller for the requested answer. */
export type Asking = Omit<AnswerRequest, 'generationId'>;
