import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { findingOf, headersOf, problemOf } from './problem.js';

/** Converts every error, also those of the framework, to a problem without internal details. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    answerProblem(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}

export function answerProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const finding = findingOf(error);
  const problem = problemOf(finding, request.id);
  if (problem.status >= 500) request.log.error({ err: error, code: problem.code }, 'request failed');
  // A response that has begun cannot become an error.
  if (reply.sent || reply.raw.headersSent) return;
  void reply
    .status(problem.status)
    .headers(headersOf(finding))
    .header('content-type', 'application/problem+json')
    .send(JSON.stringify(problem));
}
