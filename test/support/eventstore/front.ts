import { connect, createServer, type Server, type Socket } from 'node:net';

/** Where clients connect: in front of the server itself, so that connections can be cut, and the whole be away. */
export class Front {
  private readonly sockets = new Set<Socket>();
  private listening: Server | undefined;
  private bound = 0;
  private isFrozen = false;

  constructor(private readonly serverPort: number) {}

  get port(): number {
    return this.bound;
  }

  /** At the same port again, once it has had one. */
  async open(port = this.bound): Promise<void> {
    const server = createServer({ noDelay: true }, (client) => this.join(client));
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
    this.listening = server;
    const address = server.address();
    if (typeof address === 'object' && address) this.bound = address.port;
  }

  /** As a power cut does: no farewell to anybody. */
  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /** As a process that was stopped: connections stay, new ones are taken, and nothing is read or written. */
  freeze(): void {
    this.isFrozen = true;
    for (const socket of this.sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  /** What was open before is lost. */
  thaw(): void {
    this.isFrozen = false;
    this.cut();
  }

  async close(): Promise<void> {
    const { listening } = this;
    this.listening = undefined;
    const closed = new Promise<void>((resolve) => (listening ? listening.close(() => resolve()) : resolve()));
    this.cut();
    await closed;
  }

  private join(client: Socket): void {
    if (this.isFrozen) {
      this.hold(client);
      return;
    }
    const server = connect({ port: this.serverPort, host: '127.0.0.1', noDelay: true });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }

  private hold(client: Socket): void {
    this.sockets.add(client.pause());
    client.on('error', () => {});
    client.on('close', () => this.sockets.delete(client));
  }
}
