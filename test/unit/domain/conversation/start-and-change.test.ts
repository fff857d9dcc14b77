import { describe, expect, it } from '@jest/globals';
import { change } from '../../../../src/domain/conversation/change.js';
import { choicesFor } from '../../../../src/domain/conversation/settings.js';
import { start } from '../../../../src/domain/conversation/start.js';
import { limits } from '../../../../src/limits.js';
import { command, Story, typesOf } from './story.js';

const nothingChosen = {
  ...{ provider: null, model: null, params: null, tokenBudget: null, whenBusy: null },
  ...{ instructions: null, tools: null, responseFormat: null },
};

describe('starting a conversation', () => {
  it('records the choices and the owner', () => {
    const story = new Story();
    const settings = { title: 'Taxes', system: 'Be brief.', model: 'gpt-4.1', params: { seed: 1 }, tokenBudget: 100 };
    const events = story.does(start({ ...settings, provider: null, whenBusy: undefined }));
    expect(events).toStrictEqual([{ type: 'ConversationStarted', data: { ...settings, purpose: 'chat' } }]);
    expect(story.state.owner).toEqual({ tenant: 'acme', user: 'ada' });
    expect(story.state.settings).toEqual({
      ...nothingChosen,
      ...settings,
      archived: false,
      system: { text: 'Be brief.', event: 'event-0' },
    });
  });

  it('needs no choice at all', () => {
    const story = new Story();
    const events = story.does(start({}));
    expect(events).toStrictEqual([
      { type: 'ConversationStarted', data: { title: null, system: null, purpose: 'chat' } },
    ]);
    expect(story.state).toMatchObject({ seen: 1, leaf: null, open: null, queue: [] });
  });

  it('is refused if the conversation exists', () => {
    const story = new Story().started();
    story.refuses(start({}), 'conversation_exists');
  });

  it.each(['title', 'system'])('refuses a malformed %s', (field) => {
    new Story().refuses(start({ [field]: 'half \ud83d' }), 'text_malformed');
    new Story().refuses(start({ [field]: 'nul \0' }), 'text_malformed');
  });
});

/** A control character is six times as long as JSON. */
const escapedMax = Math.floor((limits.contentEscapedBytesMax - 2) / 6);

describe('a system text', () => {
  it.each([
    ['a', limits.contentBytesMax, limits.contentBytesMax + 1],
    ['\u0001', escapedMax, 6 * (escapedMax + 1) + 2],
  ])('is as long as it may be, and no longer: %j', (character, most, bytes) => {
    const bytesMax = character === 'a' ? limits.contentBytesMax : limits.contentEscapedBytesMax;
    const long = { system: character.repeat(most + 1) };
    const fits = { system: character.repeat(most) };
    new Story().refuses(start(long), 'content_too_long', { bytes, bytesMax });
    const story = new Story().started();
    story.refuses(change(story.next(), long), 'content_too_long', { bytes, bytesMax });
    expect(typesOf(story.does(change(story.next(), fits)))).toEqual(['ConversationConfigured']);
    expect(start(fits)(new Story().state)).toHaveLength(1);
  });
});

describe('changing a conversation', () => {
  it('records each kind of change in its own event', () => {
    const story = new Story().started();
    const changes = { title: 'Taxes', archived: true, system: 'Be brief.', model: 'gpt-4.1' };
    expect(story.does(change(story.next(), changes))).toStrictEqual([
      { type: 'ConversationRenamed', data: { title: 'Taxes' } },
      { type: 'ConversationArchived', data: {} },
      { type: 'ConversationConfigured', data: { system: 'Be brief.', model: 'gpt-4.1' } },
    ]);
    expect(story.state.settings).toMatchObject({ title: 'Taxes', archived: true, model: 'gpt-4.1' });
    expect(story.state.settings.system).toEqual({ text: 'Be brief.', event: 'event-3' });
  });

  it('records only what differs', () => {
    const story = new Story().started({
      title: 'Taxes',
      system: 'Be brief.',
      model: 'a',
      params: { stop: ['x'], seed: 1 },
    });
    const same = { title: 'Taxes', archived: false, system: 'Be brief.', model: 'a', params: { seed: 1, stop: ['x'] } };
    expect(story.does(change(story.next(), same))).toEqual([]);
    const events = story.does(change(story.next(), { ...same, model: 'b', params: { seed: 1, stop: ['y'] } }));
    expect(events).toStrictEqual([
      { type: 'ConversationConfigured', data: { model: 'b', params: { seed: 1, stop: ['y'] } } },
    ]);
    expect(story.state.settings.system).toEqual({ text: 'Be brief.', event: 'event-0' });
  });

  it('takes choices back with null, and once', () => {
    const story = new Story().started({ title: 't', system: 's', provider: 'p', params: {}, whenBusy: 'enqueue' });
    const back = { title: null, system: null, ...nothingChosen };
    expect(story.does(change(story.next(), back))).toStrictEqual([
      { type: 'ConversationRenamed', data: { title: null } },
      { type: 'ConversationConfigured', data: { system: null, provider: null, params: null, whenBusy: null } },
    ]);
    expect(story.does(change(story.next(), back))).toEqual([]);
    expect(story.state.settings).toEqual({ title: null, archived: false, system: null, ...nothingChosen });
  });

  it('restores what was archived', () => {
    const story = new Story().started();
    expect(typesOf(story.does(change(story.next(), { archived: true })))).toEqual(['ConversationArchived']);
    expect(typesOf(story.does(change(story.next(), { archived: true })))).toEqual([]);
    expect(typesOf(story.does(change(story.next(), { archived: false })))).toEqual(['ConversationRestored']);
    expect(story.state.settings.archived).toBe(false);
  });

  it('may happen while a generation is open, and in an archived one', () => {
    const story = new Story().started({});
    story.does(change(story.next(), { archived: true }));
    story.sends('1');
    expect(typesOf(story.does(change(story.next(), { title: 'Taxes', model: 'b' })))).toHaveLength(2);
    expect(story.state.open).toBe('g1');
  });

  it('refuses malformed texts, and what was never started', () => {
    const story = new Story().started();
    story.refuses(change(story.next(), { title: '\udc4d' }), 'text_malformed');
    story.refuses(change(story.next(), { system: 'a\0' }), 'text_malformed');
    new Story().refuses(change(command('c'), { title: 'Taxes' }), 'conversation_not_found');
  });
});

describe('the choices of a turn', () => {
  it('are its own, else those of the conversation, one by one', () => {
    const { settings } = new Story().started({ model: 'a', params: { seed: 1, top_p: 1 }, whenBusy: 'enqueue' }).state;
    expect(choicesFor(settings, {})).toEqual({
      ...nothingChosen,
      model: 'a',
      params: { seed: 1, top_p: 1 },
      whenBusy: 'enqueue',
    });
    expect(choicesFor(settings, { model: null, params: { seed: 2 }, provider: 'p' })).toMatchObject({
      model: 'a',
      params: { seed: 2 },
      provider: 'p',
    });
  });
});
