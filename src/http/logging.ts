import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { RetryableError, TerminalError } from '../ports/errors.js';
import { isError } from './is-error.js';

export interface LogSettings {
  readonly level: string;
  /** Where the lines go; standard output when absent. */
  readonly to?: { write(line: string): void };
}

type LoggerOptions = Extract<FastifyServerOptions['logger'], object>;
type ChildLoggerFactory = NonNullable<FastifyServerOptions['childLoggerFactory']>;

/** An error as a log may hold it. */
export interface DescribedError {
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  readonly [more: string]: unknown;
}

/** JSON lines without anything that a person wrote: no body, no header, no address, no query, no text of an error. */
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
        // The banner of a start says it, and is the first thing that it says.
        if (typeof args[0] === 'string' && args[0].startsWith('Server listening')) return;
        log.apply(this, args);
      },
    },
    ...(to && { stream: to }),
  };
}

/** Requests of one trace share its id, so each line also has the id of its request. */
export function loggersOfRequests(newRequestId: () => string): ChildLoggerFactory {
  return (logger, bindings, options) => logger.child({ ...bindings, requestId: newRequestId() }, options);
}

export function logRequests(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    logWhenOver(request, reply);
    done();
  });
}

/** One line for each request, also for one whose client went away before its answer. */
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

/** Messages of our own errors quote nobody. Those of others may: a parser's quotes the text, a database's the row. */
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

/** Where it happened. The lines before the first frame repeat the message. */
function framesOf({ stack = '' }: Error): string {
  const frames = stack.split('\n').filter((line) => /^ {4}at /.test(line));
  return frames.map((line) => line.trim()).join('\n');
}
