import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';

const SOCKET = '.s.PGSQL.5432';

/** A proxy between a log and its Postgres that can lose the answer to an append: committed, with an unknown outcome. */
export interface CuttingProxy {
  readonly connection: pg.ClientConfig;
  /** The next so many answers to appends are thrown away, and their connections with them. */
  loseAnswers(count: number): void;
  readonly lost: number;
  stop(): Promise<void>;
}

export async function startCuttingProxy(target: pg.ClientConfig): Promise<CuttingProxy> {
  const directory = await mkdtemp(join(tmpdir(), 'proxy-'));
  const open = new Set<Socket>();
  let toLose = 0;
  let lost = 0;

  const server = createServer((client) => {
    const upstream = connect(join(String(target.host), SOCKET));
    let appending = false;
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('close', () => {
        open.delete(socket);
        end();
      });
      socket.on('error', end);
    }
    client.on('data', (chunk) => {
      appending ||= chunk.includes('log.append');
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (!appending || toLose === 0) return client.write(chunk);
      toLose -= 1;
      lost += 1;
      return end();
    });
  });
  await new Promise<void>((resolve) => server.listen(join(directory, SOCKET), resolve));

  return {
    connection: { ...target, host: directory },
    loseAnswers(count) {
      toLose = count;
    },
    get lost() {
      return lost;
    },
    async stop() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true });
    },
  };
}
