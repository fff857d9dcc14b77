import { afterEach, describe, expect, it } from '@jest/globals';
import { samplesIn } from '../support/exposition.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';
import { until } from '../support/until.js';

const apps: HttpApp[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

const engines = () => memoryEngines();
async function start(roles: string, on: ReturnType<typeof engines>): Promise<HttpApp> {
  const app = await startHttpApp(on, { VERBATIM_ROLES: roles });
  await app.app.init();
  apps.push(app);
  return app;
}
const sample = async (app: HttpApp, name: string) =>
  samplesIn((await app.call('GET', '/metrics', { key: null })).text).get(name) ?? Number.NaN;

async function ask(app: HttpApp): Promise<void> {
  const { id } = (await app.call('POST', '/api/v1/conversations', { body: {} })).json as { id: string };
  const { status } = await app.call('POST', `/api/v1/conversations/${id}/messages`, {
    body: { content: 'Hello' },
  });
  expect(status).toBe(202);
}

describe('a process with the role api alone', () => {
  it('reports the age of the oldest prompt and the lag of each reader while no other process lives', async () => {
    const app = await start('api', engines());
    await until(async () => (await sample(app, 'work_oldest_prompt_seconds')) === 0);
    await ask(app);
    await until(async () => (await sample(app, 'work_oldest_prompt_seconds')) > 0.5);
    for (const subscription of ['work', 'keys']) {
      await until(async () => (await sample(app, `subscription_lag_seconds{subscription="${subscription}"}`)) > 0.5);
    }
    await until(async () => (await sample(app, 'projection_lag_seconds{projection="messages"}')) > 0.5);
  });

  it('reports no waiting work once other processes have done it', async () => {
    const on = engines();
    const app = await start('api', on);
    await ask(app);
    await until(async () => (await sample(app, 'work_oldest_prompt_seconds')) > 0);
    await start('saga,projections', on);
    await until(async () => (await sample(app, 'work_oldest_prompt_seconds')) === 0);
    for (const subscription of ['work', 'keys']) {
      await until(async () => (await sample(app, `subscription_lag_seconds{subscription="${subscription}"}`)) === 0);
    }
  });
});
