import { open } from 'node:fs/promises';
import { LOG_LEVELS, type LogLevel } from '../config.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';

export interface LevelledLog {
  level: string;
  warn(facts: object, message: string): void;
}

/**
 * Lets operators change the log level while the process runs: the level in this file applies as long as the file exists.
 * The file is read repeatedly and not watched, because Kubernetes replaces links in a mounted ConfigMap, which watchers miss.
 */
export class LogLevelFile {
  private refused: string | undefined;

  constructor(
    private readonly file: string,
    private readonly usual: LogLevel,
    private readonly log: LevelledLog,
    private readonly clock: Pick<Clock, 'sleep'>,
  ) {}

  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look();
      await this.clock.sleep(limits.logLevelLookMs, signal);
    }
  }

  /** A file that cannot be read or holds no level changes nothing, and is reported once. */
  async look(): Promise<void> {
    const text = await textOf(this.file).catch((error) => `(${(error as NodeJS.ErrnoException).code ?? 'unreadable'})`);
    const level = text === undefined ? this.usual : LOG_LEVELS.find((each) => each === text);
    if (level === undefined) {
      if (this.refused !== text) {
        this.log.warn(
          { file: this.file, levels: LOG_LEVELS },
          'the file of the log level holds no level, and is ignored',
        );
      }
      this.refused = text;
      return;
    }
    this.refused = undefined;
    if (level !== this.log.level) this.change(level);
  }

  /** Logged before a level that would drop the line, and after one that would have dropped it. */
  private change(to: LogLevel): void {
    const { level: from } = this.log;
    const warn = () => this.log.warn({ from, to }, 'the log level has changed');
    if (LOG_LEVELS.indexOf(to) < LOG_LEVELS.indexOf('warn')) warn();
    this.log.level = to;
    if (LOG_LEVELS.indexOf(to) >= LOG_LEVELS.indexOf('warn')) warn();
  }
}

/** Reads no more bytes than a level needs. Nothing when there is no file. */
async function textOf(file: string): Promise<string | undefined> {
  const opened = await open(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (opened === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await opened.read({ buffer: Buffer.alloc(limits.logLevelBytesMax), position: 0 });
    return buffer.toString('utf8', 0, bytesRead).trim();
  } finally {
    await opened.close();
  }
}
