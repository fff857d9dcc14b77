// `node infra/kafka/start.mjs`: an Apache Kafka of one node, for trials, where Java 17 and Maven are. Says its address, stops
// on Ctrl-C or SIGTERM or when its parent is gone, and leaves nothing behind but the jars in the temporary directory.
import { createKafka } from './broker.mjs';
import { reasonAgainstKafka } from './jars.mjs';

const PARENT_LOOK_MS = 500;

const reason = reasonAgainstKafka();
if (reason) {
  process.stderr.write(`Kafka cannot be started: ${reason}\n`);
  process.exit(1);
}
const parent = process.ppid;
const kafka = await createKafka();
const stop = async () => {
  clearInterval(looking);
  await kafka.stop();
  await kafka.destroy();
  process.exit(0);
};
const looking = setInterval(() => process.ppid === parent || stop(), PARENT_LOOK_MS);
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, stop);
await kafka.start();
process.stdout.write(`address  ${kafka.address}\n`);
