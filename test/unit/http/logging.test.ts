import { describe, expect, it } from '@jest/globals';
import { fastify } from 'fastify';
import { describeError, loggerOptions } from '../../../src/http/logging.js';
import { NestLogger } from '../../../src/http/nest-logger.js';
import { LogUnavailable, TerminalError } from '../../../src/ports/errors.js';

function logger(level: string) {
  const lines: string[] = [];
  const { log } = fastify({ logger: loggerOptions({ level, to: { write: (line) => void lines.push(line) } }) });
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line)) };
}

describe('the log', () => {
  it('respects its level', () => {
    const { log, parsed } = logger('warn');
    log.info('quiet');
    log.warn('loud');
    expect(parsed()).toMatchObject([{ level: 'warn', msg: 'loud' }]);
  });

  it('has lines of Nest, with their source', () => {
    const { log, parsed } = logger('trace');
    const nest = new NestLogger(log);
    nest.verbose('a', 'Source');
    nest.error('b', 'a stack', 'Source');
    nest.log(new Error('a secret text'));
    expect(parsed()).toMatchObject([
      { level: 'trace', msg: 'a', context: 'Source' },
      { level: 'error', msg: 'b', context: 'Source' },
      { level: 'info', err: { type: 'Error', message: '' } },
    ]);
  });

  it('has the stack of an error, and its message only if it is an own one', () => {
    const quoting = () => JSON.parse('a secret text');
    const { log, lines } = logger('info');
    try {
      quoting();
    } catch (error) {
      log.error({ err: error }, 'failed');
      log.error({ err: new TerminalError('ours', { cause: error }) }, 'failed');
      log.error({ err: new Error('several\nlines\n    of a secret text') }, 'failed');
    }
    expect(lines.join('')).not.toMatch(/secret|several/);
    expect(lines.map((line) => JSON.parse(line).err)).toMatchObject([
      { type: 'SyntaxError', stack: expect.stringContaining('logging.test.ts') },
      { type: 'TerminalError', message: 'ours', cause: { type: 'SyntaxError', message: '' } },
      { type: 'Error', message: '' },
    ]);
  });

  it('describes what is no error by its type alone', () => {
    expect(describeError('a secret text')).toEqual({ type: 'string', message: '', stack: '' });
    expect(describeError(new LogUnavailable('away'))).toMatchObject({ type: 'LogUnavailable', message: 'away' });
  });
});
