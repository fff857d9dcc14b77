import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import type { Codec, TypedEvent } from '../../../src/events/codec.js';
import { LiveEvents } from '../../../src/sse/live-events.js';
import { gate } from '../../support/gate.js';
import { lateCodec } from '../../support/late-codec.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { appendAtEnd, codec, newDelta, typedEvents, wholeStream } from '../../support/new-events.js';
import { RecordedHealth } from '../../support/recorded-health.js';
import { until } from '../../support/until.js';

const CONVERSATION = 'c1';
const TAPE = 'generation-g1';

interface OnLog {
  readonly log: MemoryEventLog;
  readonly live: LiveEvents;
  /** By its text: every delta that was decoded. */
  readonly decoded: string[];
  readonly damage: unknown[];
  /** The subscription delivers nothing until then. */
  readonly letSubscriptionGoOn: () => void;
}

async function onLog(work: (on: OnLog) => Promise<void>, by: Codec = codec) {
  const log = new MemoryEventLog();
  let goOn = () => {};
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const subscribe = log.subscribe.bind(log);
  log.subscribe = async function* late(...args) {
    for await (const page of subscribe(...args)) {
      if (page.events.length > 0) await gate;
      yield page;
    }
  };
  const decoded: string[] = [];
  const counting: Codec = {
    ...codec,
    decode(page) {
      decoded.push(...page.map(({ data }) => JSON.parse(data).text));
      return by.decode(page);
    },
  };
  const damage: unknown[] = [];
  const live = new LiveEvents({
    ...{ log, codec: counting, clock: systemClock, health: new RecordedHealth() },
    onDamage: (error) => damage.push(error),
  });
  await live.start();
  try {
    await work({ log, live, decoded, damage, letSubscriptionGoOn: goOn });
  } finally {
    goOn();
    await live.stop();
  }
}

/** Appends one delta, and answers with it as the log has it. */
async function append(log: MemoryEventLog, text: string): Promise<TypedEvent> {
  await appendAtEnd(log, TAPE, [newDelta(text)]);
  return (await typedEvents(await wholeStream(log, TAPE))).at(-1) as TypedEvent;
}

const textOf = (event: TypedEvent) => (event.type === 'DeltaReceived' ? event.data.text : event.type);

describe('live events', () => {
  it('that this process commits are delivered at once, and neither decoded nor delivered by the subscription again', () =>
    onLog(async ({ log, live, decoded, letSubscriptionGoOn }) => {
      const got: string[] = [];
      live.listen(CONVERSATION, (event) => got.push(textOf(event)));
      for (const text of ['a', 'b']) live.publish(CONVERSATION, [await append(log, text)]);
      expect(got).toEqual(['a', 'b']);
      letSubscriptionGoOn();
      await append(log, 'of another process');
      await until(() => got.length > 2);
      expect(got).toEqual(['a', 'b', 'of another process']);
      expect(decoded).toEqual(['of another process']);
    }));

  it('wait for an earlier event of another process, so each stream is delivered in its order', () =>
    onLog(async ({ log, live, letSubscriptionGoOn }) => {
      const got: string[] = [];
      live.listen(CONVERSATION, (event) => got.push(textOf(event)));
      live.publish(CONVERSATION, [await append(log, 'own')]);
      await append(log, 'of another process');
      live.publish(CONVERSATION, [await append(log, 'own, behind it')]);
      expect(got).toEqual(['own']);
      letSubscriptionGoOn();
      await until(() => got.length === 3);
      expect(got).toEqual(['own', 'of another process', 'own, behind it']);
    }));

  it('reach the other listeners when one of them fails, and the process that published them', () =>
    onLog(async ({ log, live, damage }) => {
      const got: string[] = [];
      live.listen(CONVERSATION, () => {
        throw new Error('a listener failed');
      });
      live.listen(CONVERSATION, (event) => got.push(textOf(event)));
      live.publish(CONVERSATION, [await append(log, 'a')]);
      expect(got).toEqual(['a']);
      expect(damage).toEqual([new Error('a listener failed')]);
    }));

  it('of a conversation that is left by all its listeners are delivered to nothing', () =>
    onLog(async ({ log, live }) => {
      const got: string[] = [];
      const leave = live.listen(CONVERSATION, (event) => got.push(textOf(event)));
      leave();
      live.publish(CONVERSATION, [await append(log, 'a')]);
      expect(got).toEqual([]);
    }));

  it('of other processes are delivered in the order of commits when the first takes longest to decode', () => {
    let calls = 0;
    const decodable = gate();
    const firstLast = lateCodec(async () => {
      calls += 1;
      if (calls === 1) await decodable.opened;
    });
    return onLog(async ({ log, live, letSubscriptionGoOn }) => {
      const got: string[] = [];
      live.listen(CONVERSATION, (event) => got.push(textOf(event)));
      letSubscriptionGoOn();
      await append(log, 'a');
      await until(() => calls === 1);
      await append(log, 'b');
      // Long enough for the second page to overtake the first, if it were not to wait.
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      decodable.open();
      await until(() => got.length === 2);
      expect(got).toEqual(['a', 'b']);
    }, firstLast);
  });

  it('that this process publishes while they are decoded are delivered once', () => {
    const begun = gate();
    const decodable = gate();
    const held = lateCodec(() => {
      begun.open();
      return decodable.opened;
    });
    return onLog(async ({ log, live, decoded, letSubscriptionGoOn }) => {
      const got: string[] = [];
      live.listen(CONVERSATION, (event) => got.push(textOf(event)));
      const own = await append(log, 'own');
      letSubscriptionGoOn();
      await begun.opened;
      live.publish(CONVERSATION, [own]);
      expect(got).toEqual(['own']);
      live.publish(CONVERSATION, [await append(log, 'own, behind it')]);
      decodable.open();
      await append(log, 'of another process');
      await until(() => got.length > 2);
      expect(got).toEqual(['own', 'own, behind it', 'of another process']);
      expect(decoded).toEqual(['own', 'of another process']);
    }, held);
  });

  it('are delivered around a damaged one of the same page, which is reported', () =>
    onLog(async ({ log, live, damage, letSubscriptionGoOn }) => {
      const got: string[] = [];
      live.listen(CONVERSATION, (event) => got.push(textOf(event)));
      const damaged = { ...newDelta(), data: '{"text":"damaged"}' };
      await appendAtEnd(log, TAPE, [newDelta('a'), damaged, newDelta('b')]);
      letSubscriptionGoOn();
      await until(() => got.length === 2);
      expect(got).toEqual(['a', 'b']);
      expect(damage).toEqual([expect.objectContaining({ event: expect.objectContaining({ id: damaged.id }) })]);
    }));
});
