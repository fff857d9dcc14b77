import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { limits } from '../limits.js';
import { recordLimits } from '../record-limits.js';
import type { Witness, WitnessAnswer } from './witness.js';

const PATH = '/add-checkpoint';
const SIZE_TYPE = 'text/x.tlog.size';
const TEXT_TYPE = 'text/plain; charset=utf-8';

/** The HTTP interface of C2SP tlog-witness. It needs no key: a request without a trusted signature changes nothing. */
export function witnessServer(witness: Pick<Witness, 'add'>, onError: (error: unknown) => void): Server {
  const server = createServer(async (request, response) => {
    try {
      await answer(witness, request, response);
    } catch (error) {
      if (request.destroyed && !request.complete) return;
      onError(error);
      send(response, 500, TEXT_TYPE, 'the witness cannot decide now\n');
    }
  });
  server.requestTimeout = limits.requestTimeoutMs;
  return server;
}

async function answer(
  witness: Pick<Witness, 'add'>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.url !== PATH) {
    send(response, 404, TEXT_TYPE, `POST ${PATH}\n`);
  } else if (request.method !== 'POST') {
    response.setHeader('allow', 'POST');
    send(response, 405, TEXT_TYPE, `POST ${PATH}\n`);
  } else {
    const body = await bodyOf(request);
    if (body !== undefined) return sendAnswer(response, await witness.add(body));
    response.setHeader('connection', 'close');
    send(response, 413, TEXT_TYPE, `at most ${recordLimits.witnessBodyBytesMax} bytes\n`);
  }
}

function sendAnswer(response: ServerResponse, answered: WitnessAnswer): void {
  switch (answered.status) {
    case 200:
      send(response, 200, TEXT_TYPE, answered.cosignature);
      break;
    case 409:
      send(response, 409, SIZE_TYPE, `${answered.lastSize}\n`);
      break;
    default:
      send(response, answered.status, TEXT_TYPE, `${REASONS[answered.status]}\n`);
  }
}

const REASONS = {
  400: 'the request is malformed, or its old size is larger than the tree',
  403: 'the checkpoint is not signed with a trusted key of its origin',
  404: 'this witness does not know the origin',
  422: 'the proof does not show that the tree continues the last cosigned one',
} as const;

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) }).end(text);
}

/** Undefined if it is too long. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > recordLimits.witnessBodyBytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
