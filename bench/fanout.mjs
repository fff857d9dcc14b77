// Events from one process to thousands of clients, against raw Node http with one write for each event and client.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Clients } from './support/fanout/clients.mjs';
import { interleave, median, rounded } from './support/statistics.mjs';

const ROUNDS = 3;
const FEEDS = 5_000;
/** Of each client, in a round. */
const EVENTS = 40;

export async function bench(tell) {
  const result = { feeds: FEEDS };
  for (const [name, conversations] of [
    ['oneConversation', 1],
    ['aConversationEach', FEEDS],
  ]) {
    const { raw, ours } = await interleave(
      ROUNDS,
      { raw: () => deliver('raw', conversations), ours: () => deliver('ours', conversations) },
      tell,
    );
    const of = (rounds, what) => median(rounds.map((round) => round[what]));
    result[name] = {
      oursToRaw: rounded(median(ours.map((round, nth) => round.deliveriesPerSecond / raw[nth].deliveriesPerSecond))),
      oursDeliveriesPerSecond: of(ours, 'deliveriesPerSecond'),
      rawDeliveriesPerSecond: of(raw, 'deliveriesPerSecond'),
      oursBytesPerClient: of(ours, 'bytesPerClient'),
      rawBytesPerClient: of(raw, 'bytesPerClient'),
      oursCpuMicrosPerDelivery: of(ours, 'cpuMicrosPerDelivery'),
      rawCpuMicrosPerDelivery: of(raw, 'cpuMicrosPerDelivery'),
    };
  }
  return result;
}

async function deliver(kind, conversations) {
  const server = await startServer(kind, conversations);
  const clients = new Clients();
  try {
    const before = await server.ask('memory');
    await clients.open(server.address, FEEDS, (nth) => `/feed/${idOf(nth % conversations)}`);
    const after = await server.ask('memory');
    // The first ones warm up both sides.
    const perRound = EVENTS * (conversations === 1 ? 1 : conversations);
    const total = EVENTS * FEEDS;
    const warm = await server.ask(String(perRound));
    await clients.until(total);
    const began = performance.now();
    const { cpu } = await server.ask(String(perRound));
    await clients.until(2 * total);
    const seconds = (performance.now() - began) / 1_000;
    const used = cpu.user + cpu.system - warm.cpu.user - warm.cpu.system;
    return {
      deliveriesPerSecond: Math.round(total / seconds),
      bytesPerClient: Math.round((after.rss - before.rss) / FEEDS),
      cpuMicrosPerDelivery: rounded(used / total),
    };
  } finally {
    clients.close();
    await server.stop();
  }
}

const idOf = (nth) => `00000000-0000-4000-8000-${String(nth).padStart(12, '0')}`;

async function startServer(kind, conversations) {
  const program = join(import.meta.dirname, 'support', 'fanout', 'server.mjs');
  const child = spawn(process.execPath, ['--expose-gc', program, kind, String(conversations)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${kind} ended`);
    return value;
  };
  const address = /address +(\S+)/.exec(await next())?.[1];
  return {
    address,
    async ask(what) {
      child.stdin.write(`${what}\n`);
      return JSON.parse(await next());
    },
    async stop() {
      kill();
      await closed;
      process.off('exit', kill);
    },
  };
}
