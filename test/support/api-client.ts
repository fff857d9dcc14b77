import { SseClient } from './sse-client.js';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says, for the test to judge
  readonly json: any;
}

/** One person with a key, over real sockets. */
export class ApiClient {
  private readonly streams: SseClient[] = [];

  constructor(
    readonly address: string,
    readonly key: string,
  ) {}

  async call(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<ApiAnswer> {
    const response = await fetch(`${this.address}/api/v1${path}`, {
      method,
      headers: this.headers(body, headers),
      ...(body && { body: JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    const text = bytes.toString();
    return { status: response.status, headers: response.headers, bytes, text, json: isJson ? JSON.parse(text) : null };
  }

  /** A call that must succeed, with what it was answered. */
  async ask(method: string, path: string, body?: object, headers?: Record<string, string>) {
    const { status, text, json } = await this.call(method, path, body, headers);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return json;
  }

  async stream(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<SseClient> {
    const all = this.headers(body, { accept: 'text/event-stream', ...headers });
    const client = await SseClient.open(`${this.address}/api/v1${path}`, all, method, body && JSON.stringify(body));
    this.streams.push(client);
    return client;
  }

  leave(): void {
    for (const stream of this.streams.splice(0)) stream.leave();
  }

  private headers(body: object | undefined, headers: Record<string, string>): Record<string, string> {
    const json = body && { 'content-type': 'application/json' };
    return { authorization: `Bearer ${this.key}`, ...json, ...headers };
  }
}
