import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { createApp } from '../../src/app/create-app.js';
import { LogLevelFile } from '../../src/app/log-level-file.js';
import { loadConfig } from '../../src/config.js';
import { limits } from '../../src/limits.js';
import { memoryEngines } from '../support/memory-engines.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';

/** The application with the level of a file, which each test writes and has read when it likes. */
async function withLevelFile(body: (parts: Parts) => Promise<void>, level = 'info'): Promise<void> {
  await withTemporaryDirectory(async (directory) => {
    const lines: string[] = [];
    const config = loadConfig({ LOG_LEVEL: level });
    const app = await createApp(memoryEngines(), config, '0.0.0', {
      logTo: { write: (line) => void lines.push(line) },
    });
    const file = join(directory, 'live', 'log-level');
    mkdirSync(join(directory, 'live'));
    const levels = new LogLevelFile(file, config.logLevel, app.getHttpAdapter().getInstance().log, systemClock);
    const request = async () => {
      lines.splice(0);
      await app.inject('/health/live');
      return lines.filter((line) => line.includes('"msg":"request"')).length;
    };
    try {
      await body({ file, lines, request, look: () => levels.look() });
    } finally {
      await app.close();
    }
  });
}

interface Parts {
  readonly file: string;
  readonly lines: string[];
  /** How many lines the log has of a request, which is logged as info. */
  readonly request: () => Promise<number>;
  readonly look: () => Promise<void>;
}

it('the level in the file counts without a restart, for as long as the file is there', () =>
  withLevelFile(async ({ file, lines, request, look }) => {
    await look();
    expect(await request()).toBe(1);
    writeFileSync(file, 'error\n');
    lines.splice(0);
    await look();
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'warn', from: 'info', to: 'error', msg: 'the log level has changed' },
    ]);
    expect(await request()).toBe(0);
    rmSync(file);
    lines.splice(0);
    await look();
    expect(lines.join('')).toContain('the log level has changed');
    expect(await request()).toBe(1);
  }));

it('a file that a ConfigMap replaces by another link is read anew', () =>
  withLevelFile(async ({ file, request, look }) => {
    const [old, next] = [`${file}.1`, `${file}.2`];
    writeFileSync(old, 'fatal');
    writeFileSync(next, 'debug');
    symlinkSync(old, file);
    await look();
    expect(await request()).toBe(0);
    rmSync(file);
    symlinkSync(next, file);
    await look();
    expect(await request()).toBe(1);
  }));

it.each(['', 'loud', 'INFO', 'info debug', 'x'.repeat(10 * limits.logLevelBytesMax)])(
  'a file that holds %j changes nothing, and is reported once',
  (text) =>
    withLevelFile(async ({ file, lines, request, look }) => {
      writeFileSync(file, text);
      lines.splice(0);
      await look();
      await look();
      expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
        'the file of the log level holds no level, and is ignored',
      ]);
      expect(lines.join('')).not.toContain('loud');
      expect(await request()).toBe(1);
    }),
);

it('a directory in its place changes nothing, and the level of the settings stays', () =>
  withLevelFile(async ({ file, request, look }) => {
    mkdirSync(file);
    await look();
    expect(await request()).toBe(0);
  }, 'warn'));
