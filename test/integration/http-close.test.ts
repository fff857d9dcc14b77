import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from '@jest/globals';
import { startHttpApp } from '../support/http-app.js';

it('a connection that never asked anything does not keep the server from closing', async () => {
  const { app } = await startHttpApp();
  await app.listen(0, '127.0.0.1');
  const socket = connect(Number(new URL(await app.getUrl()).port), '127.0.0.1');
  const closed = once(socket, 'close');
  try {
    await once(socket, 'connect');
    // Answered only once the server has taken it.
    const other = await fetch(`${await app.getUrl()}/health/live`);
    expect(other.status).toBe(200);
  } finally {
    await app.close();
  }
  await closed;
});
