import { describe, expect, it } from '@jest/globals';
import { change } from '../../../../src/domain/conversation/change.js';
import { finalize, openNext, requestCancel } from '../../../../src/domain/conversation/endings.js';
import { conversationStatus, statusOf } from '../../../../src/domain/conversation/run.js';
import { nodesOf } from '../../../../src/domain/conversation/tree.js';
import { generate, send } from '../../../../src/domain/conversation/turns.js';
import { limits } from '../../../../src/limits.js';
import { asking, assemble, ended, GONE, Story, saying, sha256, timeOf, typesOf } from './story.js';

const enqueue = { whenBusy: 'enqueue' } as const;
const interrupt = { whenBusy: 'interrupt' } as const;

const parentOf = ({ state }: Story, id: string) => state.nodes.get(id)?.parent;
const cancels = (story: Story, name: string) => story.does(requestCancel(story.next(), `g${name}`));
const asks = (story: Story, name: string, options: object, message = {}) =>
  send(story.next(), saying(name, message), asking(name, options), assemble);

describe('a turn while another is open', () => {
  it('is refused by default', () => {
    const story = new Story().started();
    story.sends('1');
    story.refuses(asks(story, '2', {}), 'conversation_busy', { generationId: 'g1' });
    story.refuses(asks(story, '2', { whenBusy: 'reject' }), 'conversation_busy');
  });

  it('does what the conversation chose, unless it chooses for itself', () => {
    const story = new Story().started(enqueue);
    story.sends('1');
    expect(story.sends('2')).toMatchObject([{}, { data: { turn: 'last', options: {} } }]);
    story.refuses(asks(story, '3', { whenBusy: 'reject' }), 'conversation_busy');
    expect(story.sends('3', {}, interrupt)).toMatchObject([{}, { data: { turn: 'next', options: interrupt } }, {}]);
  });

  it('waits behind the others, and follows the last of them', () => {
    const story = new Story().started();
    for (const name of ['1', '2', '3']) story.sends(name, {}, enqueue);
    expect(typesOf(story.events)).not.toContain('GenerationCancelRequested');
    expect(story.state).toMatchObject({ open: 'g1', queue: ['g2', 'g3'], leaf: 'g3' });
    expect([parentOf(story, 'm2'), parentOf(story, 'm3')]).toEqual(['g1', 'g2']);
  });

  it('interrupts: the open one is cancelled, and it runs before those that wait', () => {
    const story = new Story().started();
    for (const name of ['1', '2', '3']) story.sends(name, {}, enqueue);
    const events = story.sends('4', {}, interrupt);
    expect(typesOf(events)).toEqual(['MessageSent', 'GenerationRequested', 'GenerationCancelRequested']);
    expect(events.at(-1)?.data).toEqual({ generationId: 'g1', reason: 'interrupted' });
    expect(story.state).toMatchObject({ open: 'g1', queue: ['g4', 'g2', 'g3'], leaf: 'g4' });
    expect(parentOf(story, 'm4')).toBe('g1');
  });

  it('interrupts once: the second follows the first, and the open one is cancelled already', () => {
    const story = new Story().started();
    for (const name of ['1', '2']) story.sends(name, {}, enqueue);
    story.sends('3', {}, interrupt);
    expect(typesOf(story.sends('4', {}, interrupt))).toEqual(['MessageSent', 'GenerationRequested']);
    expect(story.state.queue).toEqual(['g3', 'g4', 'g2']);
    expect(parentOf(story, 'm4')).toBe('g3');
  });

  it('interrupts nothing when nothing is open', () => {
    const story = new Story().started();
    expect(typesOf(story.sends('1', {}, interrupt))).toEqual(['MessageSent', 'GenerationRequested', 'PromptAssembled']);
  });

  it('cannot interrupt a turn that it follows', () => {
    const story = new Story().started();
    for (const name of ['1', '2']) story.sends(name, {}, enqueue);
    story.refuses(asks(story, '3', interrupt, { parent: 'g2' }), 'parent_is_queued', { generationId: 'g2' });
    story.sends('3', { parent: 'g2' }, null);
    story.refuses(generate(story.next(), 'm3', asking('3', interrupt), assemble), 'parent_is_queued');
    expect(story.does(generate(story.next(), 'm3', asking('3', enqueue), assemble))).toHaveLength(1);
  });

  it('cannot expect a prompt, because it is not known yet', () => {
    const story = new Story().started();
    story.sends('1');
    for (const options of [enqueue, interrupt]) {
      const expecting = send(story.next(), saying('2'), asking('2', options, sha256('any')), assemble);
      story.refuses(expecting, 'prompt_not_known_yet');
    }
  });

  it('is refused when the queue is full', () => {
    const story = new Story().started(enqueue);
    for (let nth = 0; nth <= limits.queuedTurnsMax; nth++) story.sends(`${nth}`);
    story.refuses(asks(story, 'more', {}), 'queue_full', { turnsMax: limits.queuedTurnsMax });
    story.refuses(asks(story, 'more', interrupt), 'queue_full');
  });

  it('does not wait if it requests no answer', () => {
    const story = new Story().started(interrupt);
    story.sends('1');
    story.sends('2', {}, enqueue);
    expect(typesOf(story.sends('n', { kind: 'note' }))).toEqual(['MessageSent']);
    expect(typesOf(story.sends('3', {}, null))).toEqual(['MessageSent']);
    expect([parentOf(story, 'mn'), parentOf(story, 'm3')]).toEqual(['g2', 'g2']);
    expect(story.state).toMatchObject({ open: 'g1', queue: ['g2'], leaf: 'm3' });
  });
});

describe('the end of a generation', () => {
  it('happens once', () => {
    const story = new Story().started();
    story.sends('1');
    expect(story.ends('1')).toEqual([{ type: 'GenerationFinalized', data: ended('g1') }]);
    expect(story.ends('1', ended('g1', 'another text'))).toEqual([]);
    expect(story.state).toMatchObject({ open: null, leaf: 'g1' });
    expect(story.does(finalize(ended('elsewhere'), assemble))).toEqual([]);
  });

  it('opens the next one in the same append, with the settings and texts of that moment', () => {
    const story = new Story().started({ model: 'a' });
    for (const name of ['1', '2', '3']) story.sends(name, {}, enqueue);
    story.does(change(story.next(), { model: 'b' }));
    const [, prompt, ...others] = story.ends('1');
    expect(others).toEqual([]);
    expect(prompt).toMatchObject({
      type: 'PromptAssembled',
      data: {
        generationId: 'g2',
        messageId: 'm2',
        sha256: sha256(JSON.stringify([undefined, 'b', null, ['text 1', 'answer g1', 'text 2']])),
      },
    });
    expect(story.state).toMatchObject({ open: 'g2', queue: ['g3'] });
  });

  it('runs those that interrupt first, and all in their order', () => {
    const story = new Story().started();
    for (const name of ['1', '2', '3']) story.sends(name, {}, enqueue);
    for (const name of ['4', '5']) story.sends(name, {}, interrupt);
    const order: (string | null)[] = [];
    for (; story.state.open; story.ends('', ended(story.state.open))) order.push(story.state.open);
    expect(order).toEqual(['g1', 'g4', 'g5', 'g2', 'g3']);
  });

  it('ends queued turns whose prompts can no longer be made, and opens the first other one', () => {
    const story = new Story().started();
    for (const name of ['1', '2', '3', '4'])
      story.sends(name, {}, { ...enqueue, ...(name === '3' ? {} : { model: 'm' }) });
    story.does(change(story.next(), { provider: GONE }));
    const gone = story.events.findIndex(
      ({ type, data }) => type === 'GenerationRequested' && data.generationId === 'g2',
    );
    const events = story.ends('1');
    expect(typesOf(events)).toEqual(Array(4).fill('GenerationFinalized'));
    expect(events[1]?.data).toEqual({
      ...ended('g2', '', 'error'),
      deltas: 0,
      attempt: null,
      attempts: 0,
      modelServed: null,
      timings: { queuedAt: timeOf(gone), claimedAt: null, firstTextAt: null, lastTextAt: null },
      error: { kind: 'provider_not_configured', message: 'This provider is not configured.' },
    });
    expect(story.state).toMatchObject({ open: null, queue: [] });
  });

  it('skips a turn whose prompt cannot be made', () => {
    const story = new Story().started();
    story.sends('1');
    story.sends('2', {}, { ...enqueue, provider: GONE });
    story.sends('3', {}, enqueue);
    expect(typesOf(story.ends('1'))).toEqual(['GenerationFinalized', 'GenerationFinalized', 'PromptAssembled']);
    expect(story.state).toMatchObject({ open: 'g3', queue: [] });
  });

  it('opens no turn if the queue is empty', () => {
    const story = new Story().started();
    story.sends('1');
    story.sends('2', {}, enqueue);
    expect(openNext(story.state, assemble)).toEqual([]);
    story.ends('1');
    expect(openNext(story.state, assemble)).toEqual([]);
  });
});

describe('cancelling', () => {
  it('requests the end of an open one, once', () => {
    const story = new Story().started();
    story.sends('1');
    expect(cancels(story, '1')).toEqual([
      { type: 'GenerationCancelRequested', data: { generationId: 'g1', reason: 'asked' } },
    ]);
    expect(cancels(story, '1')).toEqual([]);
    expect(story.state.open).toBe('g1');
    story.ends('1', ended('g1', 'ans', 'cancelled'));
    expect(story.state.nodes.get('g1')).toMatchObject({ cancelRequested: true, result: { status: 'cancelled' } });
  });

  it('ends a queued one at once, without a call, and the queue goes on', () => {
    const story = new Story().started();
    for (const name of ['1', '2', '3']) story.sends(name, {}, enqueue);
    expect(cancels(story, '2')).toMatchObject([
      {
        type: 'GenerationFinalized',
        data: {
          generationId: 'g2',
          status: 'cancelled',
          blocks: [],
          textSha256: sha256(''),
          attempt: null,
          attempts: 0,
        },
      },
    ]);
    expect(story.state).toMatchObject({ open: 'g1', queue: ['g3'] });
    story.ends('1');
    expect(story.state).toMatchObject({ open: 'g3', queue: [] });
  });

  it('of one that has ended changes nothing, and is no refusal', () => {
    const story = new Story().started().turn('1');
    expect(cancels(story, '1')).toEqual([]);
  });

  it('refuses an id that is no generation', () => {
    const story = new Story().started().turn('1');
    story.refuses(requestCancel(story.next(), 'm1'), 'generation_not_found');
    story.refuses(requestCancel(story.next(), 'elsewhere'), 'generation_not_found');
  });
});

describe('the status', () => {
  const statuses = ({ state }: Story, claimed: boolean) =>
    Object.fromEntries(nodesOf(state).map((node) => [node.id, statusOf(state, node, claimed)]));

  it('of each node shows its progress', () => {
    const story = new Story().started().turn('1');
    story.sends('2');
    story.ends('2', ended('g2', 'half', 'cancelled'));
    story.sends('3');
    story.ends('3', ended('g3', '', 'error'));
    story.sends('4');
    story.sends('5', {}, enqueue);
    const settled = {
      m1: 'final',
      g1: 'final',
      m2: 'final',
      g2: 'cancelled',
      m3: 'final',
      g3: 'error',
      m4: 'final',
      m5: 'final',
    };
    expect(statuses(story, true)).toEqual({ ...settled, g4: 'streaming', g5: 'queued' });
    expect(statuses(story, false)).toEqual({ ...settled, g4: 'queued', g5: 'queued' });
  });

  it('of the conversation is that of what is open', () => {
    const story = new Story().started().turn('1');
    expect(conversationStatus(story.state, false)).toBe('idle');
    story.sends('2');
    expect(conversationStatus(story.state, false)).toBe('queued');
    expect(conversationStatus(story.state, true)).toBe('generating');
  });
});
