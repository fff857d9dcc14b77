import { beforeAll, expect, it } from '@jest/globals';
import type { NewEvent } from '../../../src/events/envelope.js';
import { limits } from '../../../src/limits.js';
import type { EventLog, ExpectedRevision } from '../../../src/ports/event-log.js';
import { InvalidAppend, InvalidRead, InvalidStreamName } from '../../../src/ports/log-rules.js';
import { newDelta, newDeltas, newStream, wholeStream } from '../../support/new-events.js';
import type { OpenLog } from '../event-log.contract.js';

export function refusalContract(open: OpenLog): void {
  let log: EventLog;
  beforeAll(async () => {
    log = await open();
  });

  async function expectRefusal(problem: string, expected: ExpectedRevision, events: NewEvent[]): Promise<void> {
    const stream = newStream();
    const before = await log.head();
    const refused = log.append(stream, expected, events);
    await expect(refused).rejects.toBeInstanceOf(InvalidAppend);
    await expect(refused).rejects.toMatchObject({ problem, message: expect.stringContaining(stream) });
    expect(await wholeStream(log, stream)).toEqual([]);
    expect(await log.head()).toBe(before);
  }

  it('takes an append of the greatest number of events', async () => {
    const stream = newStream();
    const outcome = await log.append(stream, 'none', newDeltas(limits.appendEventsMax));
    expect(outcome).toMatchObject({ outcome: 'appended', revision: limits.appendEventsMax - 1 });
    expect(await wholeStream(log, stream)).toHaveLength(limits.appendEventsMax);
  });

  it('refuses no events, and too many', async () => {
    await expectRefusal('no-events', 'none', []);
    await expectRefusal('too-many-events', 'none', newDeltas(limits.appendEventsMax + 1));
  });

  it('takes an append just below the greatest size, and refuses 2 MiB', async () => {
    const stream = newStream();
    const large = newDelta('x'.repeat(limits.appendBytesMax - 2_000));
    expect(await log.append(stream, 'none', [large])).toMatchObject({ outcome: 'appended' });
    expect((await wholeStream(log, stream))[0]?.data).toBe(large.data);
    await expectRefusal('too-large', 'none', [newDelta('x'.repeat(2 * 1024 * 1024))]);
    await expectRefusal(
      'too-large',
      'none',
      Array.from({ length: 5 }, () => newDelta('é'.repeat(110_000))),
    );
  });

  it.each([-1, 0.5, Number.NaN, limits.revisionMax, Number.MAX_SAFE_INTEGER])(
    'refuses the revision %p',
    async (revision) => {
      await expectRefusal('revision-out-of-range', revision, [newDelta()]);
    },
  );

  it('refuses an append that holds an id twice', async () => {
    const event = newDelta();
    await expectRefusal('repeated-id', 'none', [event, newDelta(), event]);
  });

  it.each([
    ['id', { id: 'not-a-uuid' }],
    ['id', { id: '0190F7C0-0000-4000-8000-00000000000A' }],
    ['type', { type: 'Delta\u0000Received' }],
    ['type', { type: 'D'.repeat(3_000_000) }],
    ['schema', { schema: 0 }],
    ['schema', { schema: 2 ** 31 }],
    ['tenant', { tenant: '' }],
    ['tenant', { tenant: 't'.repeat(3_000_000) }],
    ['at', { at: '2026-01-02' }],
    ['at', { at: '2026-13-02T03:04:05.678Z' }],
    ['at', { at: '2026-02-30T03:04:05.678Z' }],
    ['at', { at: '2026-02-03T24:00:00.000Z' }],
  ])('refuses an envelope with a bad %s', async (_, change) => {
    await expectRefusal('invalid-envelope', 'none', [newDelta(), { ...newDelta(), ...change }]);
  });

  it('refuses what is not JSON, and lets its neighbours through', async () => {
    const stream = newStream();
    const bad = { ...newDelta(), data: '{"text": "a person said this' };
    const [good, refused, alsoGood] = await Promise.allSettled([
      log.append(newStream(), 'none', [newDelta()]),
      log.append(stream, 'none', [newDelta(), bad]),
      log.append(newStream(), 'none', [newDelta()]),
    ]);
    expect(good).toMatchObject({ status: 'fulfilled', value: { outcome: 'appended' } });
    expect(alsoGood).toMatchObject({ status: 'fulfilled', value: { outcome: 'appended' } });
    expect(refused).toMatchObject({ status: 'rejected', reason: { problem: 'not-json' } });
    expect(String((refused as PromiseRejectedResult).reason)).not.toContain('a person said');
    expect(await wholeStream(log, stream)).toEqual([]);
  });

  it.each([
    ['a lone surrogate that is not escaped', '{"a":"\ud800"}'],
    ['a NUL that is not escaped', '{"a":"\u0000"}'],
  ])('refuses a text with %s', async (_, data) => {
    await expectRefusal('not-json', 'none', [{ ...newDelta(), data }]);
  });

  it.each([
    { from: -1 },
    { from: 0.5 },
    { from: Number.NaN },
    { eventsMax: -1 },
    { direction: 'backwards', from: -2 },
  ] as const)('refuses a read with %j', async (options) => {
    const stream = newStream();
    await log.append(stream, 'none', [newDelta()]);
    const read = async () => {
      for await (const page of log.readStream(stream, options)) throw new Error(`${page.length} events came`);
    };
    await expect(read()).rejects.toBeInstanceOf(InvalidRead);
  });

  it.each([
    '',
    'generation',
    '-1',
    'generation-',
    'Generation-1',
    'generation-a b',
    "generation-'; DROP TABLE log.events; --",
    'generation-\u0000',
    'generation-é',
    'generation-a/b',
    '$all-1',
    `generation-${'x'.repeat(200)}`,
  ])('refuses the stream name %j, to read and to write', async (stream) => {
    await expect(log.append(stream, 'none', [newDelta()])).rejects.toBeInstanceOf(InvalidStreamName);
    await expect(wholeStream(log, stream)).rejects.toBeInstanceOf(InvalidStreamName);
  });
}
