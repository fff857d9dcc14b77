import type { Socket } from 'node:net';
import { type Problem, problemOf } from './problem.js';
import { type ProblemCode, problems } from './problems.js';

/** Errors of Node's HTTP parser. They reach no hook, route or filter, because there is no request object. */
const CODES: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** Answers malformed or slow requests with `application/problem+json`, like every other problem. */
export function answerClientError(newTraceId: () => string) {
  return (error: NodeJS.ErrnoException, socket: Socket): void => {
    // No answer is possible if the client has left or has got a part of another answer.
    if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
      socket.destroy();
      return;
    }
    const problem = problemOf({ code: CODES[error.code ?? ''] ?? 'invalid_request' }, newTraceId());
    socket.end(asHttp(problem), () => socket.destroySoon());
  };
}

function asHttp(problem: Problem): string {
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${problems[problem.code].title}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
