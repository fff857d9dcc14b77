import { expect, it } from '@jest/globals';
import { AppendQueue, type QueuedAppend } from '../../../src/adapters/eventstoredb/append-queue.js';
import type { Position } from '../../../src/events/envelope.js';
import { limits } from '../../../src/limits.js';
import { noMeter } from '../../../src/ports/meter.js';
import { newDelta } from '../../support/new-events.js';

it('an append of one tenant is sent next, however many of another tenant wait for the wire', async () => {
  const onWire: { stream: string; answer: () => void }[] = [];
  const queue = new AppendQueue({
    send: ({ stream }) =>
      new Promise((resolve) => {
        const answer = () => resolve({ outcome: 'appended', revision: 0, position: '1' as Position });
        onWire.push({ stream, answer });
      }),
    now: () => performance.now(),
    meter: noMeter,
  });
  const submit = (stream: string, tenant: string) => {
    const append: QueuedAppend = {
      ...{ stream, expected: 'none', bytes: 1, sent: false },
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

it('a user that fills its share of the queue leaves room for other users and tenants', async () => {
  const answers: (() => void)[] = [];
  const queue = new AppendQueue({
    send: () =>
      new Promise((resolve) => {
        answers.push(() => resolve({ outcome: 'appended', revision: 0, position: '1' as Position }));
      }),
    now: () => performance.now(),
    meter: noMeter,
  });
  const submit = (stream: string, tenant: string, user: string, bytes: number) =>
    queue.submit({
      ...{ stream, expected: 'none', bytes, user, sent: false },
      events: [{ ...newDelta(), tenant }],
    });
  const appends = limits.commitQueueBytesMax / limits.appendBytesMax / 4;
  const flood = (user: string) =>
    Array.from({ length: appends }, (_, nth) => submit(`${user}-${nth}`, 'a', user, limits.appendBytesMax));
  const refused = { outcome: 'unavailable', maybeWritten: false };
  const taken = flood('ada');
  expect(await submit('late', 'a', 'ada', 1)).toEqual(refused);
  taken.push(...flood('bob'));
  expect(await submit('late', 'a', 'cleo', 1)).toEqual(refused);
  taken.push(submit('late', 'b', 'ada', 1));
  for (let nth = 0; nth < taken.length; nth++) {
    while (answers[nth] === undefined) await new Promise((resolve) => setImmediate(resolve));
    answers[nth]?.();
  }
  expect(await Promise.all(taken)).not.toContainEqual(refused);
});
