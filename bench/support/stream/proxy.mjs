// The least that can stand between a client and a provider: it looks at nothing and keeps nothing. A process of its own.
import { Agent, createServer, request } from 'node:http';

const provider = new URL(process.argv[2]);
const agent = new Agent({ keepAlive: true });

const server = createServer((incoming, outgoing) => {
  const { method, url: path, headers } = incoming;
  const onward = request(provider, { agent, method, path, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode, answer.headers);
    answer.pipe(outgoing);
  });
  onward.on('error', (error) => outgoing.destroy(error));
  incoming.pipe(onward);
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`address  http://127.0.0.1:${server.address().port}\n`));
