import type { LoggerService } from '@nestjs/common';
import type { FastifyBaseLogger } from 'fastify';

/** Passes Nest's log lines to the logger of the process. The last argument after a message names its source. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: FastifyBaseLogger) {}

  fatal = this.writer('fatal');
  error = this.writer('error');
  warn = this.writer('warn');
  log = this.writer('info');
  debug = this.writer('debug');
  verbose = this.writer('trace');

  private writer(level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace') {
    return (message: unknown, ...rest: unknown[]) => {
      const context = rest.at(-1);
      const source = typeof context === 'string' ? { context } : {};
      if (typeof message === 'string') this.logger[level](source, message);
      else this.logger[level]({ ...source, err: message }, 'reported by the framework');
    };
  }
}
