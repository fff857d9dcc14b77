// Starts the Portkey gateway on a free port of the loopback address, and says where. By itself it listens on every
// address of the machine, and takes port 8787 or the one it is told.
import { Server } from 'node:net';

const listen = Server.prototype.listen;
Server.prototype.listen = function (_port, _host, told) {
  this.once('listening', () => process.stdout.write(`address  http://127.0.0.1:${this.address().port}\n`));
  return listen.call(this, 0, '127.0.0.1', told);
};

await import('./node_modules/@portkey-ai/gateway/build/start-server.js');
