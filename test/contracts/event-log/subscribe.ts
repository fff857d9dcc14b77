import { beforeAll, expect, it } from '@jest/globals';
import type { Position } from '../../../src/events/envelope.js';
import type { AllStreamsFilter, EventLog, LivePage } from '../../../src/ports/event-log.js';
import { newDelta, newDeltas, newStream } from '../../support/new-events.js';
import { until } from '../../support/until.js';
import type { OpenLog } from '../event-log.contract.js';

/** A subscriber that writes down what it is given. */
export function follow(log: Pick<EventLog, 'subscribe'>, after: Position, filter?: AllStreamsFilter) {
  const end = new AbortController();
  const pages: LivePage[] = [];
  const reading = (async () => {
    for await (const page of log.subscribe(after, end.signal, filter)) pages.push(page);
  })();
  return {
    pages,
    ids: () => pages.flatMap((page) => page.events.map(({ id }) => id)),
    async stop(): Promise<void> {
      end.abort();
      await reading;
    },
  };
}

export function subscribeContract(open: OpenLog): void {
  let log: EventLog;
  beforeAll(async () => {
    log = await open();
  });

  it('delivers the events in the log, then new ones', async () => {
    const after = await log.head();
    const [before, later, last] = [newDelta(), newDelta(), newDelta()];
    await log.append(newStream(), 'none', [before]);
    const subscriber = follow(log, after);
    await until(() => subscriber.pages.at(-1)?.live === true);
    await log.append(newStream(), 'none', [later]);
    await log.append(newStream(), 'none', [last]);
    await until(() => subscriber.ids().length === 3);
    await subscriber.stop();
    expect(subscriber.ids()).toEqual([before, later, last].map(({ id }) => id));
    expect(subscriber.pages.at(-1)?.position).toBe(await log.head());
  });

  it('is live at once when there is no event to deliver', async () => {
    const after = await log.head();
    const subscriber = follow(log, after);
    await until(() => subscriber.pages.length > 0);
    await subscriber.stop();
    expect(subscriber.pages).toEqual([{ events: [], position: after, live: true }]);
  });

  it('delivers appends of another process', async () => {
    const other = await open();
    const subscriber = follow(log, await log.head());
    await until(() => subscriber.pages.length > 0);
    const events = newDeltas(3);
    await other.append(newStream(), 'none', events);
    await until(() => subscriber.ids().length === 3);
    await subscriber.stop();
    expect(subscriber.ids()).toEqual(events.map(({ id }) => id));
  });

  it('filters by category, and still moves on over what it leaves out', async () => {
    const after = await log.head();
    const subscriber = follow(log, after, { categories: ['conversation'] });
    const wanted = newDelta();
    await log.append(newStream('generation'), 'none', newDeltas(3));
    await log.append(newStream('conversation'), 'none', [wanted]);
    await log.append(newStream('generation'), 'none', newDeltas(2));
    const head = await log.head();
    await until(() => subscriber.pages.at(-1)?.position === head);
    await subscriber.stop();
    expect(subscriber.ids()).toEqual([wanted.id]);
  });

  it('continues from any position that it delivered', async () => {
    const after = await log.head();
    const events = newDeltas(5);
    for (const event of events) await log.append(newStream(), 'none', [event]);
    const first = follow(log, after);
    await until(() => first.ids().length === 5);
    await first.stop();
    let already = 0;
    for (const { events: seen, position } of first.pages) {
      already += seen.length;
      const next = follow(log, position);
      await until(() => next.pages.at(-1)?.live === true);
      await next.stop();
      expect(next.ids()).toEqual(events.slice(already).map(({ id }) => id));
    }
  });

  it('serves many subscribers at once without a warning', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    const head = await log.head();
    const subscribers = Array.from({ length: 30 }, () => follow(log, head));
    await until(() => subscribers.every(({ pages }) => pages.length > 0));
    const event = newDelta();
    await log.append(newStream(), 'none', [event]);
    await until(() => subscribers.every((subscriber) => subscriber.ids()[0] === event.id));
    await Promise.all(subscribers.map((subscriber) => subscriber.stop()));
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });

  it('ends when it is aborted, waiting or not', async () => {
    const waiting = follow(log, await log.head());
    await until(() => waiting.pages.length > 0);
    await waiting.stop();
    const aborted = AbortSignal.abort();
    for await (const page of log.subscribe(await log.head(), aborted)) throw new Error(`a page came: ${page.position}`);
  });
}
