import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

export interface SseEvent {
  readonly id: string;
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says, for the test to judge
  readonly data: any;
}

/** A reader of server-sent events over a real socket, that can stop reading and go on. */
export class SseClient {
  readonly events: SseEvent[] = [];
  comments = 0;
  isClosed = false;
  text = '';
  private rest = '';

  private constructor(readonly response: IncomingMessage) {
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => this.take(chunk));
    response.on('error', () => {});
    response.once('close', () => {
      this.isClosed = true;
    });
  }

  static async open(
    url: string,
    headers: Record<string, string> = {},
    method = 'GET',
    body?: string,
  ): Promise<SseClient> {
    const asked = request(url, { method, headers, agent: false });
    asked.on('error', () => {});
    asked.end(body);
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    return new SseClient(response);
  }

  /** Nothing is taken from the socket any more. */
  stall(): void {
    this.response.pause();
  }

  goOn(): void {
    this.response.resume();
  }

  leave(): void {
    this.response.destroy();
  }

  get cursors(): string[] {
    return this.events.map(({ id }) => id);
  }

  private take(chunk: string): void {
    this.text += chunk;
    const frames = (this.rest + chunk).split('\n\n');
    this.rest = frames.pop() ?? '';
    for (const frame of frames) this.read(frame.split('\n'));
  }

  private read(lines: readonly string[]): void {
    const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? '';
    if (lines.every((line) => line.startsWith(':'))) this.comments += 1;
    else this.events.push({ id: field('id'), event: field('event'), data: JSON.parse(field('data')) });
  }
}
