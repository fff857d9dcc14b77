import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { ApiClient } from './api-client.js';

/** Of what they open, and how often: the server's queue of connections is shorter than a crowd. */
const AT_ONCE = 200;
/** What a process has open besides its feeds. */
const OTHER_FILES = 500;

/** One who reads a feed and remembers what it was told by its cursors alone: thousands of them keep no text. */
class FeedReader {
  readonly told: string[] = [];
  heartbeats = 0;
  isClosed = false;
  private rest = '';

  constructor(private readonly response: IncomingMessage) {
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => this.take(chunk));
    response.on('error', () => {});
    response.once('close', () => {
      this.isClosed = true;
    });
  }

  leave(): void {
    this.response.destroy();
  }

  private take(chunk: string): void {
    const frames = (this.rest + chunk).split('\n\n');
    this.rest = frames.pop() ?? '';
    for (const frame of frames) {
      if (frame.startsWith(':')) this.heartbeats += 1;
      else this.told.push(frame.slice('id: '.length, frame.indexOf('\n')));
    }
  }
}

/** Thousands of people who follow conversations, each over a socket of their own. */
export class FeedCrowd {
  readonly readers: FeedReader[] = [];

  /** So many more feeds of a conversation, each begun behind this cursor. */
  async follow(by: ApiClient, conversation: string, after: string, count: number): Promise<void> {
    for (let left = count; left > 0; left -= AT_ONCE) {
      const opening = Array.from({ length: Math.min(AT_ONCE, left) }, () => open(by, conversation, after));
      this.readers.push(...(await Promise.all(opening)));
    }
  }

  leave(): void {
    for (const reader of this.readers) reader.leave();
  }
}

async function open({ address, key }: ApiClient, conversation: string, after: string): Promise<FeedReader> {
  const headers = { authorization: `Bearer ${key}`, 'last-event-id': after };
  const asked = request(`${address}/api/v1/conversations/${conversation}/events`, { headers, agent: false });
  // Who reads the answer learns of it too.
  asked.on('error', () => {});
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`no feed: ${response.statusCode}`);
  return new FeedReader(response);
}

/** A machine on which so many feeds cannot be opened proves nothing: it must say so. */
export function requireFilesFor(feeds: number): void {
  const allowed = execFileSync('sh', ['-c', 'ulimit -n']).toString().trim();
  if (allowed !== 'unlimited' && Number(allowed) < feeds + OTHER_FILES) {
    throw new Error(`${feeds} feeds need ${feeds + OTHER_FILES} open files, and ${allowed} are allowed (ulimit -n)`);
  }
}
