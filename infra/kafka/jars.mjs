import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

const POM = join(import.meta.dirname, 'pom.xml');
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const JAVA_MIN = 17;

/** Why there can be no broker here; nothing when there can. */
export function reasonAgainstKafka() {
  const hasMaven = spawnSync('mvn', ['--version'], { stdio: 'ignore' }).status === 0;
  return javaVersion() >= JAVA_MIN && hasMaven ? undefined : `no Java ${JAVA_MIN} and Maven here`;
}

function javaVersion() {
  const { stderr = '' } = spawnSync('java', ['-version'], { encoding: 'utf8' });
  return Number(/version "(\d+)/.exec(stderr ?? '')?.[1] ?? 0);
}

/** Where Kafka's jars are, brought on first use. One place for each state of the pom, outside of the checkout. */
export async function kafkaJars() {
  const state = createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 12);
  const directory = join(tmpdir(), `verbatim-kafka-jars-${userInfo().uid}-${state}`);
  if (existsSync(directory)) return directory;
  // Whole or not at all: two starts at once each bring their own, and one of them stays.
  const coming = `${directory}.${process.pid}`;
  mkdirSync(coming);
  try {
    await maven(['-q', '-B', '-f', POM, COPY, `-DoutputDirectory=${coming}`, '-DincludeScope=runtime']);
    if (!existsSync(directory)) renameSync(coming, directory);
  } finally {
    rmSync(coming, { recursive: true, force: true });
  }
  return directory;
}

function maven(options) {
  return new Promise((resolve, reject) => {
    const child = spawn('mvn', options, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const hear = (text) => {
      said = (said + text).slice(-4_000);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`Maven ended with ${code}:\n${said}`))));
  });
}
