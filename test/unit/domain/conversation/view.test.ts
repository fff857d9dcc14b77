import { describe, expect, it } from '@jest/globals';
import { mayRead } from '../../../../src/domain/conversation/readers.js';
import { regenerate } from '../../../../src/domain/conversation/turns.js';
import { type Moment, viewOf } from '../../../../src/domain/conversation/view.js';
import { limits } from '../../../../src/limits.js';
import { Recording } from '../tape.js';
import { ada, asking, assemble, ended, refusalOf, Story } from './story.js';

const at = ({ state }: Story, recording?: Recording): Moment => ({
  state,
  tape: recording?.tape ?? null,
  cursor: `${state.seen}:${recording?.events.length ?? 0}`,
});

const nodes = (moment: Moment) =>
  viewOf('c', moment).tree.map(({ id, status, text, cursor }) => `${id} ${status} "${text}" ${cursor}`);

describe('the view of a conversation', () => {
  it('is that of an empty one before anything was said', () => {
    const story = new Story().started({ title: 'T', system: 'S', model: 'm', params: { top_p: 1 } });
    expect(viewOf('c', at(story))).toEqual({
      id: 'c',
      title: 'T',
      system: 'S',
      model: 'm',
      provider: null,
      params: { top_p: 1 },
      archived: false,
      status: 'idle',
      cursor: '1:0',
      path: [],
      tree: [],
      more: false,
    });
  });

  it('follows an open reply from its place in the queue to its end', () => {
    const story = new Story().started();
    story.sends('1');
    const recording = new Recording();
    expect(viewOf('c', at(story, recording)).status).toBe('queued');
    expect(nodes(at(story, recording)).at(-1)).toBe('g1 queued "" 4:0');
    recording.claimed().receives('one ', 'two');
    expect(viewOf('c', at(story, recording)).status).toBe('generating');
    expect(nodes(at(story, recording)).at(-1)).toBe('g1 streaming "one two" 4:3');
    story.ends('1', ended('g1', 'one two'));
    expect(nodes(at(story))).toEqual(['m1 final "text 1" 2:0', 'g1 final "one two" 5:0']);
    expect(viewOf('c', at(story)).status).toBe('idle');
  });

  it('shows of a reply that waits nothing of the tape of the open one', () => {
    const story = new Story().started();
    story.sends('1');
    story.sends('2', {}, { whenBusy: 'enqueue' });
    const recording = new Recording().claimed().receives('open');
    expect(nodes(at(story, recording)).filter((node) => node.startsWith('g'))).toEqual([
      'g1 streaming "open" 6:2',
      'g2 queued "" 6:0',
    ]);
  });

  it('shows the error of a failed reply, and usage and cost as unknown', () => {
    const story = new Story().started();
    story.sends('1');
    const error = { kind: 'network', message: 'It broke.' };
    story.ends('1', { ...ended('g1', 'half', 'error'), modelServed: null, error });
    expect(viewOf('c', at(story)).tree.at(-1)).toMatchObject({
      status: 'error',
      text: 'half',
      error,
      model: 'demo',
      usage: null,
      cost: null,
    });
    expect(viewOf('c', at(new Story().started().turn('1'))).tree.at(-1)).not.toHaveProperty('error');
  });

  it('shows the path to the selected leaf, or to the one that is asked for', () => {
    const story = new Story().started().turn('1').turn('2');
    story.does(regenerate(story.next(), 'g1', asking('3'), assemble));
    expect(viewOf('c', at(story)).path).toEqual(['m1', 'g3']);
    expect(viewOf('c', at(story), { branch: 'g2' }).path).toEqual(['m1', 'g1', 'm2', 'g2']);
    expect(viewOf('c', at(story), { branch: 'm2' }).path).toEqual(['m1', 'g1', 'm2']);
    expect(viewOf('c', at(story)).tree.at(-1)).toMatchObject({ id: 'g3', regenerates: 'g1' });
  });

  it('refuses a leaf and a bound that it does not have', () => {
    const story = new Story().started().turn('1');
    story.sends('n', { kind: 'note' });
    const refusal = (looking: Parameters<typeof viewOf>[2]) => refusalOf(() => viewOf('c', at(story), looking)).code;
    expect(refusal({ branch: 'x' })).toBe('leaf_not_found');
    expect(refusal({ branch: 'mn' })).toBe('leaf_is_note');
    expect(refusal({ before: 'x' })).toBe('node_not_found');
  });

  it('pages back through every node once', () => {
    const story = new Story().started();
    for (let nth = 0; nth < 1_100; nth++) story.sends(`${nth}`, {}, null);
    const pages: string[][] = [];
    for (let before: string | undefined; ; before = pages[0]?.[0]) {
      const { tree, more } = viewOf('c', at(story), { before });
      pages.unshift(tree.map(({ id }) => id));
      if (!more) break;
    }
    expect(pages.map(({ length }) => length)).toEqual([100, limits.viewNodesMax, limits.viewNodesMax]);
    expect(pages.flat()).toEqual(Array.from({ length: 1_100 }, (_, nth) => `m${nth}`));
  });

  it('ends a page early when its texts are very long, and never has an empty one before the beginning', () => {
    const story = new Story().started();
    const long = 'x'.repeat(limits.contentBytesMax);
    const fitting = limits.viewTextCharactersMax / limits.contentBytesMax;
    for (let nth = 0; nth < fitting + 3; nth++) story.sends(`${nth}`, { content: long }, null);
    const { tree, more } = viewOf('c', at(story));
    expect([tree.length, tree.at(-1)?.id, more]).toEqual([fitting, `m${fitting + 2}`, true]);
    expect(viewOf('c', at(story), { before: tree[0]?.id }).tree).toHaveLength(3);
  });
});

describe('a reader', () => {
  const { state } = new Story().started();
  const as = (role: 'member' | 'auditor' | 'admin', user: string, tenant = ada.tenant) =>
    mayRead(state, { tenant, user, role });

  it('is the owner, or has a role that reads everything of the tenant', () => {
    expect([as('member', 'ada'), as('auditor', 'bob'), as('admin', 'bob')]).toEqual([true, true, true]);
    expect(as('member', 'bob')).toBe(false);
  });

  it('is no user of another tenant, and no user before the conversation is started', () => {
    for (const role of ['member', 'auditor', 'admin'] as const) {
      expect(as(role, 'ada', 'other')).toBe(false);
      expect(mayRead(new Story().state, { ...ada, role })).toBe(false);
    }
  });
});
