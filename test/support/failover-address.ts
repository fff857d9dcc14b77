import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type pg from 'pg';

const SOCKET = '.s.PGSQL.5432';

/** An address that stays while the PostgreSQL behind it changes, as after a failover. */
export interface FailoverAddress {
  readonly connection: pg.ClientConfig;
  readonly url: string;
  /** Cuts all connections; new ones lead to another server. */
  leadTo(server: pg.ClientConfig): void;
  stop(): Promise<void>;
}

export async function startFailoverAddress(first: pg.ClientConfig): Promise<FailoverAddress> {
  const open = new Set<Socket>();
  let target = first;
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  const server = createServer((client) => {
    const upstream = connect(join(String(target.host), SOCKET));
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    }),
  );
  return {
    connection: { ...first, host: '127.0.0.1', port },
    url: `postgres://${first.user}@127.0.0.1:${port}/${first.database}?sslmode=disable`,
    leadTo(next) {
      target = next;
      cut();
    },
    async stop() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
