import { startMeter } from '../server.mjs';
import { percentile, rounded } from '../statistics.mjs';

const SECONDS = 3;
const WARM_UP_SECONDS = 0.5;

/** Runs callers until the time is up, and counts what they did after the warm-up. */
export async function load(server, callers, call) {
  let measuring = false;
  let events = 0;
  const latencies = [];
  const until = performance.now() + (WARM_UP_SECONDS + SECONDS) * 1_000;
  const loops = Array.from({ length: callers }, async (_, nth) => {
    for (const next = call(nth); performance.now() < until; ) {
      const asked = performance.now();
      const written = await next();
      if (!measuring) continue;
      events += written;
      latencies.push(performance.now() - asked);
    }
  });
  const done = Promise.all(loops);
  // A caller that fails ends the benchmark where it is awaited, and not before the server is stopped.
  done.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_SECONDS * 1_000));
  const read = startMeter(server);
  measuring = true;
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1_000 - 50));
  measuring = false;
  const { seconds, nodeSeconds, postgresSeconds } = read();
  await done;
  return {
    eventsPerSecond: Math.round(events / seconds),
    p50Ms: rounded(percentile(latencies, 0.5)),
    p99Ms: rounded(percentile(latencies, 0.99)),
    nodeMicrosPerEvent: rounded((nodeSeconds / events) * 1e6),
    postgresMicrosPerEvent: rounded((postgresSeconds / events) * 1e6),
  };
}
