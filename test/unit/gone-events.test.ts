import { describe, expect, it } from '@jest/globals';
import { goneOf } from '../../src/app/continued-log.js';
import { wentBack } from '../../src/app/log-went-back.js';
import { incarnationsOf } from '../../src/commands/incarnations.js';
import type { Position } from '../../src/events/envelope.js';
import { LogUnavailable } from '../../src/ports/errors.js';
import { MemoryEventLog } from '../support/memory/memory-event-log.js';
import { newDelta, newDeltas, newStream } from '../support/new-events.js';

/** As a leader that was just elected: for the first looks it lacks the tail of its log. */
function withoutTailFor(looks: number, log: MemoryEventLog): MemoryEventLog {
  const holds = log.holds.bind(log);
  let left = looks;
  log.holds = async (position) => {
    left -= 1;
    return left >= 0 ? false : holds(position);
  };
  return log;
}

async function logAndHead() {
  const log = new MemoryEventLog();
  await log.append(newStream(), 'none', newDeltas(2));
  return { log, head: await log.head() };
}

async function anotherPosition(): Promise<Position> {
  const other = new MemoryEventLog();
  await other.append(newStream(), 'none', newDeltas(2));
  return other.head();
}

describe('positions that a start looks up', () => {
  it('are not gone when the log lacks them only for the first look', async () => {
    const { log, head } = await logAndHead();
    expect(await goneOf(withoutTailFor(1, log), [head])).toEqual([]);
  });

  it('are gone when the second look does not find them either', async () => {
    const { log, head } = await logAndHead();
    const another = await anotherPosition();
    expect(await goneOf(log, [head, another])).toEqual([another]);
  });
});

describe('a process whose log went back', () => {
  async function brokenAt(gone: Position) {
    const { log } = await logAndHead();
    log.continuity.breakOff('the test says so', { position: gone });
    return { log, incarnations: await incarnationsOf(log) };
  }

  it('begins no incarnation when the log lacks the event only for the first look', async () => {
    const { log: anew, head } = await logAndHead();
    const openLogAnew = async () => withoutTailFor(1, anew);
    expect(await wentBack({ ...(await brokenAt(head)), openLogAnew })).toContain('It has it again');
    expect(await incarnationsOf(anew)).toHaveLength(1);
  });

  it('begins no incarnation when the stream that lost an event has that event again', async () => {
    const stream = newStream();
    const event = newDelta();
    const anew = new MemoryEventLog();
    await anew.append(stream, 'none', [newDelta(), event]);
    const log = new MemoryEventLog();
    log.continuity.breakOff('the test says so', { stream, revision: 1, id: event.id });
    const parts = { log, incarnations: await incarnationsOf(anew), openLogAnew: async () => anew };
    expect(await wentBack(parts)).toContain('It has it again');
    expect(await incarnationsOf(anew)).toHaveLength(1);
  });

  it.each([
    ['another event in its place', [newDelta(), newDelta()]],
    ['nothing in its place', [newDelta()]],
  ])('begins an incarnation when the stream has %s', async (_, events) => {
    const stream = newStream();
    const anew = new MemoryEventLog();
    await anew.append(stream, 'none', events);
    const log = new MemoryEventLog();
    log.continuity.breakOff('the test says so', { stream, revision: 1, id: newDelta().id });
    const parts = { log, incarnations: await incarnationsOf(anew), openLogAnew: async () => anew };
    const text = await wentBack(parts);
    const incarnations = await incarnationsOf(anew);
    expect(incarnations).toHaveLength(2);
    expect(text).toContain(`is now in incarnation ${incarnations[1]}`);
  });

  it('begins an incarnation once the log can be opened again', async () => {
    const { log, incarnations } = await brokenAt(await anotherPosition());
    const anew = new MemoryEventLog();
    anew.identity = () => log.identity();
    await anew.append(newStream(), 'none', [newDelta()]);
    let refusals = 2;
    const openLogAnew = async () => {
      refusals -= 1;
      if (refusals >= 0) throw new LogUnavailable('the server is away');
      return anew;
    };
    expect(await wentBack({ log, incarnations, openLogAnew })).toContain('is now in incarnation');
    expect(await incarnationsOf(anew)).toHaveLength(2);
  });

  it('names the incarnation that another process has begun, and begins none', async () => {
    const { log: anew } = await logAndHead();
    const first = await incarnationsOf(anew);
    const [another, other] = [new MemoryEventLog(), new MemoryEventLog()];
    another.continuity.breakOff('the test says so', { position: await anotherPosition() });
    await wentBack({ log: another, incarnations: first, openLogAnew: async () => anew });
    const [, began = ''] = await incarnationsOf(anew);
    other.continuity.supersede(began);
    const text = await wentBack({ log: other, incarnations: first, openLogAnew: async () => anew });
    expect(text).toMatch(
      new RegExp(`^another process has begun incarnation ${began} .*is now in incarnation ${began}`, 's'),
    );
    expect(await incarnationsOf(anew)).toEqual([...first, began]);
  });

  it.each([
    ['cannot be opened', (_: MemoryEventLog) => Promise.reject(new Error('the password is wrong'))],
    [
      'refuses the event',
      async (anew: MemoryEventLog) =>
        Object.create(anew, { append: { value: () => Promise.reject(new Error('the password is wrong')) } }),
    ],
  ])('says how an operator records it when the log %s for good', async (_, openLogAnew) => {
    const { log, incarnations } = await brokenAt(await anotherPosition());
    const { log: anew } = await logAndHead();
    const text = await wentBack({
      log,
      incarnations: [...incarnations, await anew.identity()],
      openLogAnew: () => openLogAnew(anew),
    });
    expect(text).toMatch(/could not be recorded \(the password is wrong\)\.\n.*Run `verbatim log restored`/);
    expect(await incarnationsOf(anew)).toHaveLength(1);
  });

  it('closes the log that it opened, whether that could be written or not', async () => {
    const { log, incarnations } = await brokenAt(await anotherPosition());
    const { log: anew } = await logAndHead();
    let open = 0;
    const openLogAnew = async () => {
      open += 1;
      const isAway = open === 1;
      return Object.create(anew, {
        close: { value: async () => void closed.push(open) },
        ...(isAway && { holds: { value: () => Promise.reject(new LogUnavailable('away again')) } }),
      });
    };
    const closed: number[] = [];
    await wentBack({ log, incarnations, openLogAnew });
    expect(closed).toEqual([1, 2]);
  });
});
