import { expect, it } from '@jest/globals';
import type { Append } from '../../../src/adapters/eventstoredb/append-judge.js';
import { AppendQueue } from '../../../src/adapters/eventstoredb/append-queue.js';
import type { Position } from '../../../src/events/envelope.js';
import { limits } from '../../../src/limits.js';
import { noMeter } from '../../../src/ports/meter.js';
import { newDelta } from '../../support/new-events.js';

it('an append of one tenant is sent next, however many of another tenant wait for the wire', async () => {
  const onWire: { stream: string; answer: () => void }[] = [];
  const queue = new AppendQueue({
    judge: ({ stream }) =>
      new Promise((resolve) => {
        const answer = () => resolve({ outcome: 'appended', revision: 0, position: '1' as Position });
        onWire.push({ stream, answer });
      }),
    now: () => performance.now(),
    meter: noMeter,
  });
  const submit = (stream: string, tenant: string) => {
    const append: Append = {
      ...{ stream, expected: 'none', bytes: 1, call: stream, sent: false },
      events: [{ ...newDelta(), tenant }],
    };
    return queue.submit(append);
  };
  const flood = Array.from({ length: 2 * limits.appendsOnWireMax }, (_, nth) => submit(`flood-${nth}`, 'a'));
  const other = submit('other', 'b');
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  await turn();
  expect(onWire).toHaveLength(limits.appendsOnWireMax);
  for (const { answer } of onWire.slice(0, 2)) answer();
  await turn();
  expect(onWire.slice(limits.appendsOnWireMax).map(({ stream }) => stream)).toContain('other');
  for (let nth = 2; nth < 2 * limits.appendsOnWireMax + 1; nth++) {
    if (onWire[nth] === undefined) await turn();
    onWire[nth]?.answer();
  }
  await Promise.all([...flood, other]);
});
