import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { parseApiKey } from '../auth/api-key.js';
import type { ApiPlace } from './api.js';
import { CommandFailed, reasonOf, UsageError } from './failures.js';

/** The settings of a server in the same environment. */
export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly adminKey: string | undefined;
}

export interface ServerOptions {
  readonly url?: string;
  readonly key?: string;
}

/** The URL and the key of the server. No message shows a key, or a URL with a password. */
export async function apiPlace({ url, key }: ServerOptions, settings: () => ServerSettings): Promise<ApiPlace> {
  return {
    url: url === undefined ? usualUrl(settings()) : checkedUrl(url),
    key: key === undefined ? await usualKey(settings()) : checkedKey(key, '--key'),
  };
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url && !url.username && !url.password && !url.search && !url.hash;
  if (!isPlain || !['http:', 'https:'].includes(url.protocol)) {
    throw new UsageError('--url: expected an address such as http://127.0.0.1:3000');
  }
  return url.href.replace(/\/+$/, '');
}

/** A server that listens on every address is reached by the loopback address. */
function usualUrl({ host, port }: ServerSettings): string {
  if (port === 0) throw new UsageError('PORT is 0, so the server took a free port: give its address with --url');
  const own = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  return `http://${isIPv6(own) ? `[${own}]` : own}:${port}`;
}

async function usualKey({ adminKey, dataDir }: ServerSettings): Promise<string> {
  if (adminKey !== undefined) return adminKey;
  const file = join(dataDir, 'admin.key');
  try {
    return checkedKey((await readFile(file, 'utf8')).trim(), file);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new CommandFailed(`No key: set VERBATIM_ADMIN_KEY or give --key (${reasonOf(error)})`);
  }
}

function checkedKey(text: string, source: string): string {
  if (!parseApiKey(text)) throw new UsageError(`${source} does not hold a key: expected vb_<id>_<secret>`);
  return text;
}
