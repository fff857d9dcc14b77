import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { limits } from '../../../src/limits.js';
import { FairQueue } from '../../../src/ports/fair-queue.js';
import { append, endOfTurn, groupCommitWith, HeldWriter, useFakeTime } from './held-writer.js';

const queueOf = (...members: string[]) => {
  const queue = new FairQueue<string>((member) => member[0] as string);
  for (const member of members) queue.push(member);
  return queue;
};
const first = (count: number) => {
  let left = count;
  return () => left-- > 0;
};

describe('a fair queue', () => {
  it('gives one of each group in turn, and goes on with the turn of the next', () => {
    const queue = queueOf('a1', 'a2', 'a3', 'b1', 'c1', 'b2');
    expect(queue.takeWhile(first(2))).toEqual(['a1', 'b1']);
    queue.push('d1');
    expect(queue.takeWhile(() => true)).toEqual(['c1', 'a2', 'b2', 'd1', 'a3']);
    expect(queue.length).toBe(0);
  });

  it('gives first what was given back, in its order', () => {
    const queue = queueOf('a1', 'a2', 'b1');
    queue.giveBack(queue.takeWhile(first(2)));
    queue.push('c1');
    expect(queue.takeWhile(first(1))).toEqual(['a1']);
    expect(queue.takeWhile(() => true)).toEqual(['b1', 'a2', 'c1']);
  });

  it('loses nothing and doubles nothing, and keeps the order of each group', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(3)), { maxLength: 200 }), (steps) => {
        const queue = queueOf();
        const given: string[] = [];
        steps.forEach(([group, takes], nth) => {
          queue.push(`${group}${nth}`);
          given.push(...queue.takeWhile(first(takes)));
        });
        given.push(...queue.takeWhile(() => true));
        const pushed = steps.map(([group], nth) => `${group}${nth}`);
        for (const group of 'abc') {
          const of = (members: string[]) => members.filter((member) => member.startsWith(group));
          expect(of(given)).toEqual(of(pushed));
        }
      }),
    );
  });
});

describe('a group commit', () => {
  useFakeTime();

  it('sends the append of one tenant with the next batch, however many of another tenant wait', async () => {
    const writer = new HeldWriter();
    const commit = groupCommitWith(writer);
    const flood = Array.from({ length: 3 * limits.commitBatchEventsMax }, (_, nth) =>
      commit.submit(append(`flood-${nth}`, 0)),
    );
    await endOfTurn();
    const other = commit.submit(append('other', 0, { tenant: 'another' }));
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
