import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { RetryableError, TerminalError } from '../ports/errors.js';
import { isError } from './problem.js';

export interface LogSettings {
  readonly level: string;
  /** Where the lines go; standard output when absent. */
  readonly to?: { write(line: string): void };
}

type LoggerOptions = Extract<FastifyServerOptions['logger'], object>;
type ChildLoggerFactory = NonNullable<FastifyServerOptions['childLoggerFactory']>;

/** The fields of an error that may be logged. */
export interface DescribedError {
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  readonly [more: string]: unknown;
}

/** Logs JSON lines without texts of users: no body, header, path, query or text of a foreign error. */
export function loggerOptions({ level, to }: LogSettings): LoggerOptions {
  return {
    level,
    base: undefined,
    formatters: { level: (name: string) => ({ level: name }) },
    serializers: {
      req: ({ method, routeOptions }: FastifyRequest) => ({ method, route: routeOptions?.url }),
      res: ({ statusCode }: { statusCode?: number }) => ({ statusCode }),
      err: describeError,
    },
    hooks: {
      logMethod(args, log) {
        // The banner of the start shows this already.
        if (typeof args[0] === 'string' && args[0].startsWith('Server listening')) return;
        log.apply(this, args);
      },
    },
    ...(to && { stream: to }),
  };
}

/** Requests of one trace share the trace id, so each line also has the id of its request. */
export function loggersOfRequests(newRequestId: () => string): ChildLoggerFactory {
  return (logger, bindings, options) => logger.child({ ...bindings, requestId: newRequestId() }, options);
}

export function logRequests(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    logWhenOver(request, reply);
    done();
  });
}

/** Logs one line for each request, also if the client left before the answer. */
export function logWhenOver(request: FastifyRequest, reply: FastifyReply): void {
  reply.raw.once('close', () => {
    const { principal, method, routeOptions } = request;
    const line = {
      method,
      route: routeOptions.url ?? null,
      status: reply.raw.statusCode,
      durationMs: Math.round(reply.elapsedTime * 10) / 10,
      tenant: principal?.tenant,
      user: principal?.user,
      ...(!reply.raw.writableEnded && { aborted: true }),
    };
    request.log.info(line, 'request');
  });
}

/** Messages of own errors quote no user. Others may: a parser quotes the text, a database the row. */
export function describeError(error: unknown): DescribedError {
  if (!isError(error)) return { type: typeof error, message: '', stack: '' };
  const ours = error instanceof TerminalError || error instanceof RetryableError;
  return {
    type: error.constructor.name,
    message: ours ? error.message : '',
    stack: framesOf(error),
    ...('code' in error && { code: String(error.code) }),
    ...(error.cause !== undefined && { cause: describeError(error.cause) }),
  };
}

/** The frames of the stack. The lines before the first frame repeat the message. */
function framesOf({ stack = '' }: Error): string {
  const frames = stack.split('\n').filter((line) => /^ {4}at /.test(line));
  return frames.map((line) => line.trim()).join('\n');
}
