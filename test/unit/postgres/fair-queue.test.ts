import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FairQueue } from '../../../src/adapters/event-log/fair-queue.js';
import { limits } from '../../../src/limits.js';
import { append, endOfTurn, groupCommitWith, HeldWriter, useFakeTime } from './held-writer.js';

const queueOf = (...members: string[]) => {
  const queue = new FairQueue<string>((member) => [member[0] as string, member[1] as string]);
  for (const member of members) queue.push(member);
  return queue;
};
const first = (count: number) => {
  let left = count;
  return () => left-- > 0;
};

describe('a fair queue', () => {
  it('gives one of each group in turn, and goes on with the turn of the next', () => {
    const queue = queueOf('ax1', 'ax2', 'ax3', 'bx1', 'cx1', 'bx2');
    expect(queue.takeWhile(first(2))).toEqual(['ax1', 'bx1']);
    queue.push('dx1');
    expect(queue.takeWhile(() => true)).toEqual(['cx1', 'ax2', 'bx2', 'dx1', 'ax3']);
    expect(queue.length).toBe(0);
  });

  it('gives turns to the groups within a group, and not more of them to a group that has more', () => {
    const queue = queueOf('ax1', 'ax2', 'ax3', 'ay1', 'bz1', 'bz2', 'bz3', 'bz4');
    expect(queue.takeWhile(() => true)).toEqual(['ax1', 'bz1', 'ay1', 'bz2', 'ax2', 'bz3', 'ax3', 'bz4']);
  });

  it('gives them one by one in the same order', () => {
    const queue = queueOf('ax1', 'ax2', 'ay1', 'bz1');
    queue.giveBack([queue.shift() as string]);
    const taken: (string | undefined)[] = [];
    while (queue.length > 0) taken.push(queue.shift());
    expect(taken).toEqual(['ax1', 'bz1', 'ay1', 'ax2']);
    expect(queue.shift()).toBeUndefined();
  });

  it('gives first what was given back, in its order', () => {
    const queue = queueOf('ax1', 'ax2', 'bx1');
    queue.giveBack(queue.takeWhile(first(2)));
    queue.push('cx1');
    expect(queue.takeWhile(first(1))).toEqual(['ax1']);
    expect(queue.takeWhile(() => true)).toEqual(['bx1', 'ax2', 'cx1']);
  });

  it('loses nothing and doubles nothing, and keeps the order of each group', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('ax', 'ay', 'bx', 'cx'), fc.nat(3)), { maxLength: 200 }),
        (steps) => {
          const queue = queueOf();
          const given: string[] = [];
          steps.forEach(([group, takes], nth) => {
            queue.push(`${group}${nth}`);
            given.push(...queue.takeWhile(first(takes)));
          });
          given.push(...queue.takeWhile(() => true));
          const pushed = steps.map(([group], nth) => `${group}${nth}`);
          for (const group of ['ax', 'ay', 'bx', 'cx']) {
            const of = (members: string[]) => members.filter((member) => member.startsWith(group));
            expect(of(given)).toEqual(of(pushed));
          }
        },
      ),
    );
  });
});

describe('a group commit', () => {
  useFakeTime();

  it.each([
    ['tenant', { tenant: 'another' }],
    ['user', { user: 'another' }],
  ])('sends the append of one %s with the next batch, however many of another one wait', async (_, whose) => {
    const writer = new HeldWriter();
    const commit = groupCommitWith(writer);
    const flood = Array.from({ length: 3 * limits.commitBatchEventsMax }, (_, nth) =>
      commit.submit(append(`flood-${nth}`, 0)),
    );
    await endOfTurn();
    const other = commit.submit(append('other', 0, whose));
    writer.last.succeed();
    await endOfTurn();
    expect(writer.batches).toHaveLength(2);
    expect(writer.last.appends.map(({ stream }) => stream)).toContain('other');
    writer.last.succeed();
    expect(await other).toMatchObject({ outcome: 'appended' });
    while (writer.batches.length < 4) {
      await endOfTurn();
      writer.last.succeed();
    }
    await Promise.all(flood);
  });
});
