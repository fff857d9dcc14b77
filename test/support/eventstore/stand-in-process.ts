// A stand-in as its own process: it prints its address, and runs until it gets a signal.
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
