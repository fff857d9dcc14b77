import { connect } from 'node:net';

const AT_ONCE = 200;
const END = Buffer.from('\n\n');
/** A frame begins with its id; comments, heads and snapshots do not count. */
const FRAME = 'event: conversation-renamed';

/** So many readers of feeds, which count whole events and do nothing else. */
export class Clients {
  sockets = [];
  received = 0;
  waiting = () => {};

  async open(address, count, pathOf) {
    const { hostname, port } = new URL(address);
    for (let from = 0; from < count; from += AT_ONCE) {
      const opening = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, nth) =>
        this.openOne(hostname, Number(port), pathOf(from + nth)),
      );
      await Promise.all(opening);
    }
  }

  /** Resolves when so many events have come in all. */
  async until(total) {
    while (this.received < total) {
      await new Promise((resolve) => {
        this.waiting = resolve;
      });
    }
  }

  close() {
    for (const socket of this.sockets) socket.destroy();
  }

  openOne(hostname, port, path) {
    return new Promise((resolve, reject) => {
      const socket = connect(port, hostname, () => socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`));
      this.sockets.push(socket);
      let rest = '';
      socket.setEncoding('latin1');
      socket.on('error', reject);
      socket.once('data', () => resolve());
      socket.on('data', (text) => {
        const frames = (rest + text).split(String(END));
        rest = frames.pop();
        let events = 0;
        for (const frame of frames) if (frame.includes(FRAME)) events += 1;
        if (events === 0) return;
        this.received += events;
        this.waiting();
      });
    });
  }
}
