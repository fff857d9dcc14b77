import { beforeAll, expect, it } from '@jest/globals';
import { type Position, START } from '../../../src/events/envelope.js';
import type { EventLog } from '../../../src/ports/event-log.js';
import { newDeltas, newStream } from '../../support/new-events.js';
import type { OpenLog } from '../event-log.contract.js';

const UUID = /[0-9a-f]{8}-[0-9a-f-]{27}$/;

export function positionContract(open: OpenLog): void {
  let log: EventLog;
  const positions: Position[] = [];
  beforeAll(async () => {
    log = await open();
    await log.append(newStream(), 'none', newDeltas(5));
    for await (const { events } of log.readAll(START)) {
      positions.push(...events.map(({ position }) => position as Position));
    }
  });

  /** The place of a position with its numbers changed, and the same event. */
  const withPlace = (position: Position, changed: (number: bigint) => bigint): string => {
    const [id = ''] = UUID.exec(position) ?? [];
    return position.replace(UUID, '').replace(/\d+/g, (number) => String(changed(BigInt(number)))) + id;
  };

  it('the position of an event is taken as it is, and without its leading zeros', () => {
    for (const position of positions.slice(-20)) {
      expect(log.parsePosition(position)).toBe(position);
      expect(log.parsePosition(withPlace(position, (number) => number))).toBe(position);
    }
  });

  it('a position beyond the end is valid, and compares as later', async () => {
    const head = await log.head();
    const beyond = log.parsePosition(withPlace(head, (number) => number + 1_000_000_000_000n));
    expect(beyond && beyond > head).toBe(true);
  });

  it.each([
    ...[
      '',
      '0-1',
      '-1',
      '1-',
      '1.5',
      'x',
      ' 1',
      '1 ',
      '1e3',
      '0x1',
      '1:2',
      '1/2/3',
      '/',
      '1/',
      '/1',
      '１',
      '1\n',
      '\0',
    ],
    ...['9'.repeat(21), '9'.repeat(100), `${'9'.repeat(21)}/1`, `1/${'9'.repeat(21)}`, '18446744073709551616/1'],
  ])('%j is no position', (text) => {
    expect(log.parsePosition(text)).toBeUndefined();
  });

  it('every valid position that the log holds can be read from', async () => {
    const last = positions.at(-1) as Position;
    const [id = ''] = UUID.exec(last) ?? [];
    const texts = [0n, 1n, 2n, 7n, 99n].flatMap((by) => [
      ...[withPlace(last, (number) => number - by), String(by), `${by}/${by}`, `${by}/${by + 1n}`],
      ...[
        `${by}/${id}`,
        `${by}/${by}/${id}`,
        withPlace(last, (number) => number - by)
          .replace(UUID, '')
          .replace(/\/$/, ''),
      ],
    ]);
    const held: Position[] = [];
    for (const text of texts) {
      const position = log.parsePosition(text);
      if (position === undefined || !(await log.holds(position))) continue;
      held.push(position);
      const head = await log.head();
      const isEnd = position >= head || head.startsWith(`${position}/`);
      const pages = log.readAll(position)[Symbol.asyncIterator]();
      expect([text, (await pages.next()).done === true]).toEqual([text, isEnd]);
      await pages.return?.();
    }
    expect(held).toContain(last);
  });
}
