import type { AnswerRequest } from '../domain/conversation/turns.js';

/** What a caller may say of the answer that is asked for. */
export type Asking = Omit<AnswerRequest, 'generationId'>;
