// A stand-in as a process of its own: it prints where it can be reached, and runs until it is told to stop.
import { startStandIn } from './stand-in.js';

async function run(): Promise<void> {
  const standIn = await startStandIn({ port: Number(process.argv[2] ?? 0) });
  const stopRequested = new Promise((resolve) => process.once('SIGTERM', resolve).once('SIGINT', resolve));
  process.stdout.write(`${standIn.url}\n`);
  await stopRequested;
  await standIn.stop();
  // With sessions cut in the middle Node 20 may wait for their handles for ever, at full speed, instead of ending.
  process.exit();
}

void run();
