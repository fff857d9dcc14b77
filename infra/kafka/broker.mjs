import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaJars } from './jars.mjs';

const SUPERVISOR = join(import.meta.dirname, 'supervisor.mjs');
const START_MS = 60_000;
const STOP_MS = 20_000;
const CLUSTER = 'verbatimverbatimverbag';
/** Compiled in a hurry: it starts in half the time, and runs slower. */
export const STARTS_SOON = ['-XX:TieredStopAtLevel=1'];
/** Small: this is for tests and trials. */
const JAVA = ['-Xmx512m', '-XX:+UseSerialGC', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'];

/** One Kafka node that is its own controller, on free ports of 127.0.0.1, with its data in a temporary directory. */
export async function createKafka(javaOptions = []) {
  const jars = await kafkaJars();
  const directory = mkdtempSync(join(tmpdir(), 'verbatim-kafka-'));
  const [port, controllerPort] = await freePorts(2);
  const settings = join(directory, 'server.properties');
  writeFileSync(settings, settingsOf(directory, port, controllerPort));
  const java = [...JAVA, ...javaOptions, '-cp', join(jars, '*')];
  const { status, stderr } = spawnSync(
    'java',
    [...java, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER, '-c', settings],
    { encoding: 'utf8' },
  );
  if (status !== 0) {
    rmSync(directory, { recursive: true, force: true });
    throw new Error(`Kafka's directory could not be made: ${stderr}`);
  }
  return new KafkaBroker(directory, port, [...java, 'kafka.Kafka', settings]);
}

class KafkaBroker {
  constructor(directory, port, options) {
    this.directory = directory;
    this.port = port;
    this.address = `127.0.0.1:${port}`;
    this.options = options;
  }

  /** Also after it was stopped, with the data that it had. */
  async start() {
    const supervisor = spawn(process.execPath, [SUPERVISOR, this.directory, 'java', ...this.options], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    supervisor.stdin.on('error', () => {});
    const closed = once(supervisor, 'close');
    this.running = { supervisor, closed, said: '' };
    const { running } = this;
    supervisor.stderr.on('data', (text) => {
      running.said = (running.said + text).slice(-4_000);
    });
    createInterface({ input: supervisor.stdout }).on('line', (line) => {
      const pid = /^pid (\d+)$/.exec(line)?.[1];
      if (pid) running.pid = Number(pid);
    });
    await this.answering(running);
  }

  /** SIGTERM lets it finish, SIGKILL does not. */
  async stop(signal = 'SIGTERM') {
    const { running } = this;
    if (!running) return;
    this.running = undefined;
    const kill = (how) => running.supervisor.exitCode ?? process.kill(running.pid, how);
    kill(signal);
    const late = setTimeout(kill, STOP_MS, 'SIGKILL');
    await running.closed;
    clearTimeout(late);
  }

  async destroy() {
    await this.stop('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }

  async answering({ supervisor, said }) {
    const deadline = performance.now() + START_MS;
    while (!(await listens(this.port))) {
      if (supervisor.exitCode !== null) throw new Error(`Kafka did not start: ${said}`);
      if (performance.now() > deadline) throw new Error(`Kafka did not start within ${START_MS} ms`);
      await sleep(100);
    }
  }
}

function settingsOf(directory, port, controllerPort) {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(directory, 'log'),
    'auto.create.topics.enable': false,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    // After a sudden end it is itself that it must be patient with.
    'broker.session.timeout.ms': 1_000,
    'broker.heartbeat.interval.ms': 200,
    'group.initial.rebalance.delay.ms': 0,
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
    'num.network.threads': 2,
    'num.io.threads': 2,
    'num.recovery.threads.per.data.dir': 1,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const answer = (is) => () => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', answer(true)).once('error', answer(false));
  });
}

/** Held together until all are known, so that they differ. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
