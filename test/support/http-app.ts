import { CommandBus } from '@nestjs/cqrs';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { systemIds } from '../../src/adapters/system/system-ids.js';
import { createApp } from '../../src/app/create-app.js';
import type { Engines } from '../../src/app/engines.js';
import { hashSecret } from '../../src/auth/api-key.js';
import { OpenDefaultTenant } from '../../src/commands/open-default-tenant.js';
import { loadConfig } from '../../src/config.js';
import type { Tracer } from '../../src/ports/tracer.js';
import { memoryEngines } from './memory-engines.js';

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';
type InjectOptions = Exclude<Parameters<NestFastifyApplication['inject']>[0], string | undefined>;

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
  /** The body, parsed; undefined when it is empty. */
  readonly json: unknown;
}

/** The application on memory engines, called without a socket, with the key of the first administrator. */
export interface HttpApp {
  readonly app: NestFastifyApplication;
  readonly engines: Engines;
  readonly adminKey: string;
  readonly log: string[];
  /** With the administrator's key unless the headers say otherwise. Null leaves the key out. */
  call(method: Method, url: string, options?: CallOptions): Promise<Answer>;
  /** Issues a key through the API, and answers with it. */
  newKey(role: 'member' | 'auditor' | 'admin', by?: string): Promise<{ id: string; key: string }>;
  eventCount(): Promise<number>;
  close(): Promise<void>;
}

export interface CallOptions {
  readonly key?: string | null;
  readonly headers?: Record<string, string>;
  /** An object is sent as JSON; a text or bytes as they are, with the content type of JSON unless the headers say otherwise. */
  readonly body?: object | string | Buffer;
}

export async function startHttpApp(
  engines: Engines = memoryEngines(),
  environment = {},
  tracer?: Tracer,
): Promise<HttpApp> {
  const log: string[] = [];
  const app = await createApp(engines, loadConfig(environment), '0.0.0', {
    tracer,
    logTo: { write: (line) => void log.push(line) },
  });
  const secret = systemIds.secret();
  const adminKey = `vb_admin_${secret}`;
  const key = {
    keyId: 'admin',
    user: 'admin',
    role: 'admin',
    name: 'first key',
    secretSha256: hashSecret(secret),
  } as const;
  await app.get(CommandBus).execute(new OpenDefaultTenant(key, 'first'));

  const call: HttpApp['call'] = async (method, url, { key = adminKey, headers = {}, body } = {}) => {
    const payload =
      body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const request: InjectOptions = {
      method,
      url,
      headers: {
        ...(key !== null && { authorization: `Bearer ${key}` }),
        ...(payload !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(payload !== undefined && { payload }),
    };
    const { statusCode, headers: answered, body: text } = await app.inject(request);
    const isJson = String(answered['content-type']).includes('json');
    return { status: statusCode, headers: answered, text, json: isJson && text ? JSON.parse(text) : undefined };
  };

  return {
    app,
    engines,
    adminKey,
    log,
    call,
    async newKey(role, by = adminKey) {
      const { status, json } = await call('POST', '/api/v1/keys', {
        key: by,
        body: { user: `a ${role}`, role, name: 'k' },
      });
      if (status !== 201) throw new Error(`no key: ${JSON.stringify(json)}`);
      return json as { id: string; key: string };
    },
    async eventCount() {
      let count = 0;
      for await (const { events } of engines.log.readAll('' as never)) count += events.length;
      return count;
    },
    close: () => app.close(),
  };
}
