import { describe, expect, it } from '@jest/globals';
import { MemoryEventLog } from '../../src/adapters/memory/memory-event-log.js';
import { incarnationsOf } from '../../src/commands/incarnations.js';
import { goneOf } from '../../src/continued-log.js';
import type { Position } from '../../src/events/envelope.js';
import { wentBack } from '../../src/log-went-back.js';
import { LogUnavailable } from '../../src/ports/errors.js';
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
    expect(await wentBack({ ...(await brokenAt(head)), openLogAnew }, () => {})).toContain('It has it again');
    expect(await incarnationsOf(anew)).toHaveLength(1);
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
    expect(await wentBack({ log, incarnations, openLogAnew }, () => {})).toContain('is now in incarnation');
    expect(await incarnationsOf(anew)).toHaveLength(2);
  });
});
