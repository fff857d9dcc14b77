import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PlannedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

export interface AnsweringServer {
  readonly url: string;
  /** Method and path of each request so far. */
  readonly asked: readonly string[];
}

/** A server that gives one answer, or a chosen answer to each request, while `work` runs. */
export async function answering<T>(
  answer: PlannedAnswer | ((request: string, headers: IncomingMessage['headers']) => PlannedAnswer),
  work: (server: AnsweringServer) => Promise<T>,
): Promise<T> {
  const asked: string[] = [];
  const listener: RequestListener = ({ method, url, headers: given }, response) => {
    asked.push(`${method} ${url}`);
    const {
      status = 200,
      headers = {},
      body,
    } = typeof answer === 'function' ? answer(`${method} ${url}`, given) : answer;
    response.writeHead(status, { ...headers }).end(body);
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await work({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
