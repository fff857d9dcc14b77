import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandBus } from '@nestjs/cqrs';
import { createOnce } from '../adapters/data-directory/flushed-files.js';
import { systemIds } from '../adapters/system/system-ids.js';
import { type ApiKeyParts, formatApiKey, hashSecret, parseApiKey } from '../auth/api-key.js';
import { DEFAULT_TENANT, OpenDefaultTenant } from '../commands/open-default-tenant.js';
import type { Config } from '../config.js';
import { tenantStream } from '../domain/tenant.js';
import type { EventLog } from '../ports/event-log.js';

const ADMIN = 'admin';
const KEY_FILE = 'admin.key';

/** Creates the default tenant with its first key. Resolves to the key only if this start created it, to be shown once. */
export async function openDefaultTenant(
  config: Config,
  log: EventLog,
  commands: CommandBus,
): Promise<string | undefined> {
  // Only the API needs the administrator's key.
  if (!config.roles.includes('api')) return undefined;
  if (config.adminKey !== undefined) {
    await commands.execute(new OpenDefaultTenant(issued(keyFrom(config.adminKey, 'VERBATIM_ADMIN_KEY')), 'always'));
    return undefined;
  }
  for await (const [event] of log.readStream(tenantStream(DEFAULT_TENANT), { eventsMax: 1 }))
    if (event) return undefined;
  await mkdir(config.dataDir, { recursive: true });
  return createFirstKey(join(config.dataDir, KEY_FILE), commands);
}

/**
 * The file is written before the key is issued. The log keeps only a hash, so after a crash between the two no user would have
 * the key. A file that a crash or another start has left is used as it is.
 */
async function createFirstKey(file: string, commands: CommandBus): Promise<string | undefined> {
  const written = formatApiKey({ id: ADMIN, secret: systemIds.secret() });
  const isOurs = await createOnce(file, `${written}\n`);
  const key = isOurs ? keyFrom(written, file) : keyFrom((await readFile(file, 'utf8')).trim(), file);
  const { created, enters } = await commands.execute(new OpenDefaultTenant(issued(key), 'first'));
  if (created) return formatApiKey(key);
  // Another node was first. The key of our file is of no use, unless that node has used the same file.
  if (isOurs && !enters) await rm(file);
  return undefined;
}

function keyFrom(text: string, source: string): ApiKeyParts {
  const key = parseApiKey(text);
  if (!key) throw new Error(`${source} does not hold a key: expected vb_<id>_<secret>`);
  return key;
}

function issued({ id, secret }: ApiKeyParts) {
  return { keyId: id, user: ADMIN, role: 'admin', name: 'first key', secretSha256: hashSecret(secret) } as const;
}
