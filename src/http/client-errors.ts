import type { Socket } from 'node:net';
import { type Problem, problemOf } from './problem.js';
import { type ProblemCode, problems } from './problems.js';

/** What Node's parser refuses. It meets no hook, no route and no filter, and there is no request to answer. */
const CODES: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** Answers what is no HTTP, or came too slowly, in the words of every other problem. */
export function answerClientError(newTraceId: () => string) {
  return (error: NodeJS.ErrnoException, socket: Socket): void => {
    // Whoever is gone, or was sent a part of an answer, can be told nothing.
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
