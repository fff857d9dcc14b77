import { describe, expect, it } from '@jest/globals';
import { Command } from 'commander';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { systemIds } from '../../../src/adapters/system/system-ids.js';
import type { CommandParts } from '../../../src/cli/command-parts.js';
import { addLog } from '../../../src/cli/log-commands.js';
import { Looks } from '../../../src/commands/looks.js';
import { OPERATOR } from '../../../src/commands/origin.js';
import { START } from '../../../src/events/envelope.js';
import type { EventLog } from '../../../src/ports/event-log.js';
import { ChatLog } from '../../support/chat-log.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { codec, newDelta } from '../../support/new-events.js';
import { recordedLooks } from '../../support/trail.js';

/** A log with two tenants, and the command line on it. */
async function ground(append?: EventLog['append']) {
  const log = new MemoryEventLog();
  await (await new ChatLog(log, 'c1').started('a secret')).turn('1', ['a secret']);
  await new ChatLog(log, 'c2', { tenant: 'acme', owner: 'bob' }).started('a secret');
  const looks = new Looks({ log: append ? { append } : log, codec, clock: systemClock, ids: systemIds });
  const written: string[] = [];
  const commanded = async (...words: string[]) => {
    const out = {
      isTerminal: false,
      async write(text: string | Uint8Array) {
        // What a reader sees, and how many looks were recorded by then.
        written.push(`${(await recordedLooks(log)).length} ${text}`);
      },
    };
    const used: Pick<CommandParts, 'out' | 'clock' | 'openLog'> = {
      ...{ out, clock: systemClock },
      openLog: async () => ({
        log,
        positions: { parse: () => START, show: (position) => position, back: async () => START },
        recordLook: (tenant, look) =>
          looks.record({ tenant, actor: OPERATOR, via: { kind: 'cli', id: look.what }, traceId: 'trace' }, look),
        close: async () => {},
      }),
    };
    const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
    addLog(program, used as CommandParts);
    await program.parseAsync(words, { from: 'user' });
  };
  return { log, written, commanded, trail: async () => (await recordedLooks(log)).map(({ data }) => data) };
}

describe('verbatim log', () => {
  it('show records who looks before it writes the first event', async () => {
    const { commanded, log, written } = await ground();
    await commanded('log', 'show', 'conversation-c1', '--purpose', 'case 17');
    expect(written.length).toBeGreaterThan(3);
    expect(written.filter((text) => !text.startsWith('1 '))).toEqual([]);
    const [look, ...others] = await recordedLooks(log);
    expect(others).toEqual([]);
    expect(look).toMatchObject({
      tenant: 'default',
      data: { what: 'log_show', object: { kind: 'conversation', id: 'c1' }, owner: 'ada', purpose: 'case 17' },
      meta: { actor: { id: 'operator', kind: 'operator' }, via: { kind: 'cli', id: 'log_show' } },
    });
  });

  it('show of a tape is a look at the run and at its conversation', async () => {
    const { commanded, trail } = await ground();
    await commanded('log', 'show', 'generation-g1');
    expect(await trail()).toEqual([
      { what: 'log_show', object: { kind: 'run', id: 'g1' }, owner: 'ada' },
      { what: 'log_show', object: { kind: 'conversation', id: 'c1' }, owner: 'ada' },
    ]);
  });

  it('show of another stream is a look at that stream, also if its metadata are damaged', async () => {
    const { commanded, log, trail } = await ground();
    await log.append('tenant-default', 'none', [{ ...newDelta(), meta: '"text"' }]);
    await log.append('generation-x', 'none', [{ ...newDelta(), meta: '{"conversation":7}' }]);
    await commanded('log', 'show', 'tenant-default');
    await commanded('log', 'show', 'generation-x');
    expect(await trail()).toEqual([
      { what: 'log_show', object: { kind: 'stream', id: 'tenant-default' } },
      { what: 'log_show', object: { kind: 'run', id: 'x' } },
    ]);
  });

  it('tail records one look in each tenant whose events it writes, before the first of them', async () => {
    const { commanded, log, written } = await ground();
    await commanded('log', 'tail', '--category', 'conversation');
    const looks = await recordedLooks(log);
    expect(looks.map(({ tenant, data }) => [tenant, data])).toEqual(
      ['default', 'acme'].map((tenant) => [
        tenant,
        { what: 'log_tail', object: { kind: 'log', id: tenant }, filters: { category: 'conversation' } },
      ]),
    );
    expect(written.at(-1)).toMatch(/^2 /);
    expect(written.filter((text) => text.startsWith('0 '))).toEqual([]);
  });

  it.each(['show conversation-c1', 'tail'])('%s writes nothing if the look cannot be recorded', async (words) => {
    const { commanded, written } = await ground(async () => ({ outcome: 'unavailable', maybeWritten: false }));
    await expect(commanded('log', ...words.split(' '))).rejects.toThrow('the look cannot be recorded now');
    expect(written).toEqual([]);
  });

  it('refuses a purpose of more than one line, or of more than 200 characters', async () => {
    const { commanded, written, trail } = await ground();
    for (const purpose of ['a\nb', 'p'.repeat(201)]) {
      await expect(commanded('log', 'tail', '--purpose', purpose)).rejects.toThrow('must hold at most 200 characters');
    }
    expect([written, await trail()]).toEqual([[], []]);
  });
});
