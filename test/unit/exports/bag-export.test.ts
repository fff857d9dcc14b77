import { describe, expect, it } from '@jest/globals';
import { exportedBag } from '../../../src/exports/bag-export.js';
import { NothingToExport } from '../../../src/exports/scope-entries.js';
import { EventMissing } from '../../../src/ports/errors.js';
import { BagGround, bytesOf, CUSTODY, mistakesIn, turn, unpacked, verified } from '../../support/bags.js';
import type { MemoryEventLog } from '../../support/memory/memory-event-log.js';

const request = { tenant: 'default', scope: { conversations: ['c1'] }, reveal: true, custody: CUSTODY };

async function twoConversations(): Promise<BagGround> {
  const ground = new BagGround();
  await turn(await ground.chat('c1').started(), 'a', ['One', ' two']);
  await turn(await ground.chat('c2').started(), 'b', ['Three']);
  return ground.record();
}

describe('an export of a bag', () => {
  it('has the same manifest for the same scope and size, with another maker, time and reason', async () => {
    const ground = await twoConversations();
    const bagWith = async (scope: { conversations: string[] }, custody: typeof CUSTODY) =>
      unpacked(await bytesOf(await exportedBag(ground.parts, { ...request, scope, size: 12, custody })));
    const one = await bagWith({ conversations: ['c1', 'c2'] }, CUSTODY);
    await turn(await ground.chat('c3').started(), 'c', ['Four']);
    await ground.record();
    const custody = { at: '2027-01-01T00:00:00.000Z', by: 'dave', reason: 'Another case' };
    const other = await bagWith({ conversations: ['c2', 'c1', 'c2'] }, custody);
    expect(other.files.get('manifest-sha256.txt')).toBe(one.files.get('manifest-sha256.txt'));
    expect(other.files.get('custody.json')).not.toBe(one.files.get('custody.json'));
  });

  it.each<[string, object, RegExp]>([
    [
      'a conversation without entries',
      { scope: { conversations: ['c1', 'none'] } },
      /no entry of the conversation none/,
    ],
    ['no conversation', { scope: { conversations: [] } }, /1 to 10000 conversations/],
    ['a size of which no note is kept', { size: 3 }, /no kept checkpoint of size 3/],
    ['a tenant without a tree', { tenant: 'other' }, /other has no signed tree/],
  ])('of %s is refused', async (_, wrong, message) => {
    const ground = await twoConversations();
    const made = exportedBag(ground.parts, { ...request, ...wrong }).then(bytesOf);
    await expect(made).rejects.toThrow(NothingToExport);
    await expect(exportedBag(ground.parts, { ...request, ...wrong }).then(bytesOf)).rejects.toThrow(message);
  });

  it.each([
    ['a ledger', 'conversation-c1', 2],
    ['a tape', 'generation-gc1-a', 1],
    ['the end of a tape', 'generation-gc1-a', 3],
  ])('fails if the log lacks an event of %s', async (_, wanted, revision) => {
    const ground = await twoConversations();
    const log: Pick<MemoryEventLog, 'readStream'> = {
      async *readStream(stream, options) {
        for await (const page of ground.log.readStream(stream, options)) {
          yield page.filter((event) => stream !== wanted || event.revision !== revision);
        }
      },
    };
    await expect(exportedBag({ ...ground.parts, log }, request).then(bytesOf)).rejects.toThrow(EventMissing);
  });

  it('reads a page at a time, and stops reading when its reader does', async () => {
    const ground = new BagGround();
    const chat = await ground.chat('c1').started();
    for (let nth = 0; nth < 12; nth++) await turn(chat, `${nth}`, ['One']);
    await ground.record();
    let [open, most] = [0, 0];
    const log: Pick<MemoryEventLog, 'readStream'> = {
      async *readStream(stream, options) {
        open++;
        most = Math.max(most, open);
        try {
          for await (const page of ground.log.readStream(stream, options)) {
            for (const event of page) yield [event];
          }
        } finally {
          open--;
        }
      },
    };
    const bag = await exportedBag({ ...ground.parts, log }, request).then(bytesOf);
    expect(mistakesIn(await verified(bag))).toEqual([]);
    // The ledger, the tape that is written, and three tapes ahead.
    expect([open, most]).toEqual([0, 5]);
    let pieces = 0;
    for await (const _ of await exportedBag({ ...ground.parts, log }, request)) {
      pieces++;
      if (open > 0) break;
    }
    expect(open).toBe(0);
    expect(pieces).toBeGreaterThan(5);
  });

  it('is intact over several pages of entries and of the proof', async () => {
    const ground = new BagGround();
    const ids = Array.from({ length: 90 }, (_, nth) => `c${nth}`);
    for (const id of ids) await turn(await ground.chat(id).started(), 'a', ['One']);
    await ground.record();
    const odd = ids.filter((_, nth) => nth % 2 === 1);
    for (const scope of [{ tenant: true } as const, { conversations: odd }]) {
      const verdict = await verified(await ground.bag(scope));
      expect(mistakesIn(verdict)).toEqual([]);
      expect(verdict.facts?.chains).toBe('tenant' in scope ? 90 : 45);
    }
  });
});
