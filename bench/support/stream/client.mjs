import { request } from 'node:http';
import { DELTAS, micros } from './message.mjs';

const SILENCE_MS = 20_000;
const KEPT_CHARACTERS = 200;

/** Asks for one streamed answer and reads it to its end; rejects when it is not whole. */
export function readAnswer(arm, { url, headers, body }, deltas, agent) {
  return new Promise((resolve, reject) => {
    const reader = new DeltaReader();
    const asked = micros();
    const fail = (why) => reject(new Error(`${arm.name}: ${why}, after ${reader.times.length} of ${deltas} deltas`));
    const outgoing = request(url, { agent, method: 'POST', headers }, (response) => {
      // The deltas are ASCII, and latin1 costs the least to read.
      response.setEncoding('latin1');
      response.on('data', (text) => reader.take(text, micros()));
      response.on('error', (error) => fail(error.message));
      response.on('end', () => {
        const whole = reader.times.length === deltas && reader.rest.includes(arm.lastWords);
        if (whole) resolve({ asked, times: reader.times });
        else fail(`status ${response.statusCode}, ended with "${reader.rest}"`);
      });
    });
    outgoing.setTimeout(SILENCE_MS, () => outgoing.destroy(new Error(`silent for ${SILENCE_MS} ms`)));
    outgoing.on('error', (error) => fail(error.message));
    outgoing.end(body);
  });
}

/**
 * Finds the deltas in a text whatever stands around them and however it was cut. What is told again, as the whole
 * answer at the end, does not count; one that is missing does not either, nor do those after it.
 */
class DeltaReader {
  /** When each delta was sent and received. */
  times = [];
  rest = '';

  take(text, received) {
    const all = this.rest + text;
    let end = 0;
    for (const delta of all.matchAll(DELTAS)) {
      end = delta.index + delta[0].length;
      if (Number(delta[1]) === this.times.length) this.times.push({ sent: Number(delta[2]), received });
    }
    this.rest = all.slice(Math.max(end, all.length - KEPT_CHARACTERS));
  }
}
