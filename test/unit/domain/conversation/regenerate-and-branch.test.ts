import { describe, expect, it } from '@jest/globals';
import { selectBranch } from '../../../../src/domain/conversation/branch.js';
import { change } from '../../../../src/domain/conversation/change.js';
import { lineageOf } from '../../../../src/domain/conversation/tree.js';
import { preview, regenerate } from '../../../../src/domain/conversation/turns.js';
import { ada, asking, assemble, ended, GONE, refusalOf, Story, saying, typesOf } from './story.js';

const again = (story: Story, from: string, to: string, options = {}) =>
  regenerate(story.next(), `g${from}`, asking(to, options), assemble);

describe('regenerating', () => {
  it('requests another answer to the same message, with the present settings', () => {
    const story = new Story().started({ model: 'a' }).turn('1');
    story.does(change(story.next(), { model: 'b' }));
    const events = story.does(again(story, '1', '2'));
    expect(events).toMatchObject([
      { type: 'GenerationRequested', data: { generationId: 'g2', messageId: 'm1', regenerates: 'g1', options: {} } },
      { type: 'PromptAssembled', data: { generationId: 'g2', messageId: 'm1' } },
    ]);
    expect(JSON.stringify(events)).toContain('\\"b\\"');
    expect(story.state).toMatchObject({ open: 'g2', leaf: 'g2' });
  });

  it('descends from the first answer, whichever way it took', () => {
    const story = new Story().started().turn('1');
    for (const [from, to] of [
      ['1', '2'],
      ['2', '3'],
      ['1', '4'],
      ['4', '5'],
    ] as const) {
      story.does(again(story, from, to));
      story.ends(to);
    }
    expect(lineageOf(story.state, 'g3')).toEqual(['g1', 'g2', 'g3']);
    expect(lineageOf(story.state, 'g5')).toEqual(['g1', 'g4', 'g5']);
    expect(lineageOf(story.state, 'm1')).toEqual([]);
  });

  it('may begin from an answer that was cancelled or failed', () => {
    const story = new Story().started();
    story.sends('1');
    story.ends('1', ended('g1', '', 'error'));
    expect(typesOf(story.does(again(story, '1', '2')))).toEqual(['GenerationRequested', 'PromptAssembled']);
  });

  it('refuses an id that is no generation, a queued one, and one whose prompt cannot be made', () => {
    const story = new Story().started().turn('1');
    story.refuses(regenerate(story.next(), 'm1', asking('2'), assemble), 'generation_not_found');
    story.refuses(regenerate(story.next(), 'elsewhere', asking('2'), assemble), 'generation_not_found');
    story.refuses(again(story, '1', '2', { provider: GONE }), 'provider_not_configured');
    story.refuses(regenerate(story.next(), 'g1', asking('2', {}, 'other'), assemble), 'prompt_changed');
    story.sends('2');
    story.sends('3', {}, { whenBusy: 'enqueue' });
    story.refuses(again(story, '3', '4', { whenBusy: 'enqueue' }), 'nothing_to_regenerate');
  });

  it('waits, interrupts or is refused while another is open, be it the one that it regenerates', () => {
    const story = new Story().started();
    story.sends('1');
    story.refuses(again(story, '1', '2'), 'conversation_busy', { generationId: 'g1' });
    expect(typesOf(story.does(again(story, '1', '2', { whenBusy: 'enqueue' })))).toEqual(['GenerationRequested']);
    const events = story.does(again(story, '1', '3', { whenBusy: 'interrupt' }));
    expect(typesOf(events)).toEqual(['GenerationRequested', 'GenerationCancelRequested']);
    expect(story.state.queue).toEqual(['g3', 'g2']);
  });
});

describe('selecting a branch', () => {
  it('decides the parent of the next message', () => {
    const story = new Story().started().turn('1').turn('2');
    const events = story.does(selectBranch(story.next(), 'g1'));
    expect(events).toEqual([{ type: 'BranchSelected', data: { leaf: 'g1' } }]);
    const [sent] = story.sends('3');
    expect(sent?.data).toMatchObject({ parent: 'g1' });
  });

  it('changes nothing if it is already selected', () => {
    const story = new Story().started().turn('1');
    expect(story.does(selectBranch(story.next(), 'g1'))).toEqual([]);
  });

  it('may be done while a generation is open', () => {
    const story = new Story().started().turn('1');
    story.sends('2');
    story.does(selectBranch(story.next(), 'm1'));
    expect(story.state).toMatchObject({ leaf: 'm1', open: 'g2' });
  });

  it('refuses unknown nodes, and notes', () => {
    const story = new Story().started();
    story.sends('n', { kind: 'note' });
    story.refuses(selectBranch(story.next(), 'elsewhere'), 'leaf_not_found');
    story.refuses(selectBranch(story.next(), 'mn'), 'leaf_is_note');
  });
});

describe('a preview', () => {
  const draft = { message: saying('draft'), asked: asking('draft', { model: 'b' }) };

  it('is the prompt that the turn records, whatever its ids', () => {
    const story = new Story().started({ system: 'Be brief.' }).turn('1');
    const { prompt, state } = preview(ada, draft, assemble)(story.state);
    expect(state.nodes.has('mdraft')).toBe(true);
    expect(story.state.nodes.has('mdraft')).toBe(false);
    const events = story.sends('2', { content: 'text draft' }, { model: 'b' });
    expect(events.at(-1)?.data).toEqual({ ...prompt, generationId: 'g2', messageId: 'm2', attempt: 1 });
  });

  it('shows a regeneration too', () => {
    const story = new Story().started().turn('1').turn('2');
    const { prompt } = preview(ada, { regenerates: 'g1', asked: asking('x') }, assemble)(story.state);
    const events = story.does(again(story, '1', '3'));
    expect(events.at(-1)?.data).toMatchObject(prompt);
  });

  it('refuses a prompt that follows an open answer', () => {
    const story = new Story().started().turn('1');
    story.sends('2');
    expect(refusalOf(() => preview(ada, draft, assemble)(story.state)).code).toBe('prompt_not_known_yet');
    const elsewhere = { ...draft, message: saying('draft', { parent: 'g1' }) };
    expect(preview(ada, elsewhere, assemble)(story.state).prompt.sha256).toBeDefined();
    expect(preview(ada, { regenerates: 'g2', asked: asking('x') }, assemble)(story.state).prompt).toBeDefined();
  });

  it('refuses as the turn does', () => {
    const story = new Story().started().turn('1');
    const codeOf = (drawn: Parameters<typeof preview>[1], by = ada) =>
      refusalOf(() => preview(by, drawn, assemble)(story.state)).code;
    expect(codeOf({ ...draft, message: saying('draft', { parent: 'x' }) })).toBe('parent_not_found');
    expect(codeOf({ ...draft, message: saying('draft', { kind: 'note' }) })).toBe('message_is_note');
    expect(codeOf({ ...draft, asked: asking('draft', { provider: GONE }) })).toBe('provider_not_configured');
    expect(codeOf({ regenerates: 'm1', asked: asking('x') })).toBe('generation_not_found');
    expect(codeOf(draft, { tenant: 'acme', user: 'eve' })).toBe('conversation_not_found');
  });
});
