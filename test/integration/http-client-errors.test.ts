import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type HttpApp, startHttpApp } from '../support/http-app.js';

let http: HttpApp;
beforeAll(async () => {
  http = await startHttpApp();
  await http.app.listen(0, '127.0.0.1');
});
afterAll(() => http.close());

/** What the server says to bytes that no client library would send. */
async function answerTo(bytes: string): Promise<string> {
  const socket = connect(Number(new URL(await http.app.getUrl()).port), '127.0.0.1');
  let said = '';
  socket.on('data', (chunk) => {
    said += chunk;
  });
  socket.write(bytes);
  await once(socket, 'close');
  return said;
}

it.each([
  ['no HTTP', 'hello there\r\n\r\n', 400, 'invalid_request'],
  ['headers without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`, 431, 'headers_too_large'],
])('%s is answered with a problem, and ends the connection', async (_, bytes, status, code) => {
  const said = await answerTo(bytes);
  expect(said).toContain(`HTTP/1.1 ${status} `);
  expect(said).toContain('Content-Type: application/problem+json');
  expect(JSON.parse(said.slice(said.indexOf('\r\n\r\n')))).toMatchObject({ status, code });
});
