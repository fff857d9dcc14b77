import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parsePosition, positionBack, shownPosition } from '../../../src/adapters/postgres/position.js';
import { eventJson, eventLine } from '../../../src/cli/event-text.js';
import { reasonOf } from '../../../src/cli/failures.js';
import { barOf, progressOn } from '../../../src/cli/progress.js';
import { pairsOf, tableOf } from '../../../src/cli/table.js';
import { visible } from '../../../src/cli/visible.js';
import type { Position, RecordedEvent } from '../../../src/events/envelope.js';
import { anyCharacter } from '../../support/any-character.js';
import { collected } from '../../support/collected-output.js';

const positions = {
  parse: parsePosition,
  show: shownPosition,
  back: async (...args: Parameters<typeof positionBack>) => positionBack(...args),
};

const event: RecordedEvent = {
  id: '95660a2e-53e4-5dd8-bb46-9cbf015672bf',
  stream: 'conversation-1',
  revision: 3,
  type: 'MessageSent',
  schema: 1,
  tenant: 'default',
  at: '2026-01-02T03:04:05.678Z',
  data: '{"b":1.0,\r\n"2":[],"1":"x\\ny","b":10000000000000000001}',
  meta: '{}',
};

describe('the output on a terminal', () => {
  it('never holds control characters, whatever users wrote', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), (text) => {
        expect(visible(text)).toMatch(/^[^\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]*$/u);
      }),
    );
    expect(visible('a\u001b[31mb\u202ec')).toBe('a\\u{1b}[31mb\\u{202e}c');
    expect(visible('Grüße, 世界 👋')).toBe('Grüße, 世界 👋');
  });

  it('has columns, cuts long texts, and distinguishes nothing from zero', () => {
    const rows = [
      ['a', 0, null],
      ['😀'.repeat(100), 12_345, 'x\ny'],
    ];
    const [head, first, second] = tableOf(['name', 'count', 'what'], rows).split('\n');
    expect(head).toBe(`${'NAME'.padEnd(59)}  COUNT   WHAT`);
    expect(first?.split(/ +/)).toEqual(['a', '0', '-']);
    expect(second).toBe(`${'😀'.repeat(29)}…  12,345  x\\u{a}y`);
    expect(
      pairsOf([
        ['id', 'a'],
        ['longer', null],
      ]),
    ).toBe('id      a\nlonger  -\n');
  });
});

describe('an event', () => {
  it('as JSON is one line, with data and metadata to the letter but for line breaks between values', () => {
    const line = eventJson(event);
    expect(line).toContain('"data":{"b":1.0,  "2":[],"1":"x\\ny","b":10000000000000000001},"meta":{}}\n');
    expect(line.indexOf('\n')).toBe(line.length - 1);
    const { data: _, meta: __, ...envelope } = event;
    expect(JSON.parse(line)).toMatchObject(envelope);
    expect(Object.keys(JSON.parse(line))).toEqual('stream revision id type schema tenant at data meta'.split(' '));
    expect(JSON.parse(eventJson({ ...event, position: '0000000000000000007' as Position })).position).toHaveLength(19);
  });

  it('as a line for people begins with its position, where that is known', () => {
    const data = `{"text":"${'x'.repeat(500)}"}`;
    const line = eventLine({ ...event, data, position: '0000000000000000007' as Position }, positions);
    expect(line).toMatch(/^7 {2}2026-01-02T03:04:05\.678Z {2}conversation-1 3 {2}MessageSent {2}\{"text":"x+…\n$/);
    expect(line.length).toBeLessThan(200);
    expect(eventLine(event, positions)).toMatch(/^2026-/);
  });
});

describe('the progress of a rebuild', () => {
  it('is a bar that is full only when all is there', () => {
    expect(barOf('runs', { done: 0, of: 0 })).toBe(`runs [${'#'.repeat(24)}] 100%  0 of 0 events`);
    expect(barOf('runs', { done: 500, of: 1_000 })).toBe(
      `runs [${'#'.repeat(12)}${'.'.repeat(12)}]  50%  500 of 1,000 events`,
    );
    expect(barOf('runs', { done: 99_999, of: 100_000 })).toBe(
      `runs [${'#'.repeat(23)}.]  99%  99,999 of 100,000 events`,
    );
  });

  it('redraws its line on a terminal, and elsewhere writes a line for each tenth', async () => {
    const [terminal, file] = [collected(true), collected(false)];
    for (const output of [terminal, file]) {
      const progress = progressOn(output, 'runs');
      for (let done = 0; done <= 100; done++) await progress.show({ done, of: 100 });
      await progress.clear();
    }
    const drawn = terminal.text().split('\r\u001b[K');
    expect(drawn).toHaveLength(103);
    expect([drawn[0], drawn[102]]).toEqual(['', '']);
    expect(terminal.text()).not.toContain('\n');
    expect(file.text().split('\n')).toHaveLength(12);
    expect(file.text()).toMatch(/^runs: {3}0% {2}0 of 100 events\n/);
  });
});

describe('the reason of a failure', () => {
  it('is shown with its cause, once', () => {
    const cause = new AggregateError([new Error('ECONNREFUSED ::1'), new Error('ECONNREFUSED 127.0.0.1')], '');
    expect(reasonOf(new Error('no answer', { cause }))).toBe('no answer: ECONNREFUSED ::1; ECONNREFUSED 127.0.0.1');
    expect(reasonOf(new Error('no answer: EPERM', { cause: new Error('EPERM') }))).toBe('no answer: EPERM');
  });
});
