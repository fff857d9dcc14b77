import { afterEach, expect, it } from '@jest/globals';
import { CONVERSATIONS } from '../support/chat.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';

let http: HttpApp;
afterEach(() => http.close());

it.each([
  ['api', 200],
  ['saga', 404],
  ['projections,relay', 404],
])('a process with the role %s answers the API with %i, and answers health checks', async (roles, status) => {
  http = await startHttpApp(undefined, { VERBATIM_ROLES: roles });
  expect((await http.call('GET', CONVERSATIONS)).status).toBe(status);
  // Without a key a caller does not learn which paths there are.
  expect((await http.call('GET', CONVERSATIONS, { headers: { authorization: '' } })).status).toBe(401);
  for (const path of ['/health/live', '/metrics']) expect((await http.call('GET', path)).status).toBe(200);
});
