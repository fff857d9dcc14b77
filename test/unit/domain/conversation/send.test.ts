import { describe, expect, it } from '@jest/globals';
import { lineageOf, nodesOf, pathTo } from '../../../../src/domain/conversation/tree.js';
import { generate, send } from '../../../../src/domain/conversation/turns.js';
import { limits } from '../../../../src/limits.js';
import { asking, assemble, command, GONE, promptOf, Story, saying, sha256, typesOf } from './story.js';

const idsTo = ({ state }: Story, id: string) => pathTo(state, id).map((node) => node.id);

describe('sending a message', () => {
  it('requests an answer, with the prompt in the same append', () => {
    const story = new Story().started({ system: 'Be brief.' });
    const prompt = promptOf(JSON.stringify(['Be brief.', 'gpt', null, ['text 1']]));
    expect(story.sends('1', {}, { model: 'gpt', params: null })).toStrictEqual([
      {
        type: 'MessageSent',
        data: {
          messageId: 'm1',
          parent: null,
          kind: 'message',
          role: 'user',
          origin: 'person',
          parts: [{ type: 'text', text: 'text 1' }],
        },
      },
      { type: 'GenerationRequested', data: { generationId: 'g1', messageId: 'm1', options: { model: 'gpt' } } },
      { type: 'PromptAssembled', data: { ...prompt, generationId: 'g1', messageId: 'm1', attempt: 1 } },
    ]);
    expect(story.state).toMatchObject({ open: 'g1', queue: [], leaf: 'g1' });
  });

  it('follows the last reply, and the prompt holds the path to it', () => {
    const story = new Story().started().turn('1').turn('2');
    story.sends('3');
    expect(idsTo(story, 'g3')).toEqual(['m1', 'g1', 'm2', 'g2', 'm3', 'g3']);
    const texts = ['text 1', 'answer g1', 'text 2', 'answer g2', 'text 3'];
    expect(story.events.at(-1)?.data).toMatchObject({ sha256: sha256(JSON.stringify([undefined, null, null, texts])) });
  });

  it('follows the parent that it names: another node, or none', () => {
    const story = new Story().started().turn('1').turn('2').turn('3', { parent: 'g1' }).turn('4', { parent: null });
    story.turn('5', { parent: 'm1' });
    expect(idsTo(story, 'm3')).toEqual(['m1', 'g1', 'm3']);
    expect(idsTo(story, 'm4')).toEqual(['m4']);
    expect(idsTo(story, 'm5')).toEqual(['m1', 'm5']);
    expect(nodesOf(story.state).map(({ id }) => id)).toEqual('m1 g1 m2 g2 m3 g3 m4 g4 m5 g5'.split(' '));
  });

  it('may request no answer, and gets one later on request', () => {
    const story = new Story().started();
    expect(typesOf(story.sends('1', {}, null))).toEqual(['MessageSent']);
    expect(story.state).toMatchObject({ leaf: 'm1', open: null });
    const events = story.does(generate(story.next(), 'm1', asking('1'), assemble));
    expect(typesOf(events)).toEqual(['GenerationRequested', 'PromptAssembled']);
    expect(story.state).toMatchObject({ leaf: 'g1', open: 'g1' });
    expect(lineageOf(story.state, 'g1')).toEqual(['g1']);
  });

  it('refuses texts that are empty, too long, or cannot be encoded', () => {
    const story = new Story().started();
    const saysSo = (content: string) => send(story.next(), saying('1', { content }), asking('1'), assemble);
    story.refuses(saysSo(''), 'content_empty');
    story.refuses(saysSo(' \n\t'), 'content_empty');
    story.refuses(saysSo('a\0'), 'text_malformed');
    story.refuses(saysSo('a\ud83d'), 'text_malformed');
    story.refuses(saysSo('\udc4da'), 'text_malformed');
    const bytes = limits.contentBytesMax + 1;
    story.refuses(saysSo(`${'é'.repeat(limits.contentBytesMax / 2)}a`), 'content_too_long', {
      bytes,
      bytesMax: bytes - 1,
    });
    expect(saysSo('é'.repeat(limits.contentBytesMax / 2))(story.state)).toHaveLength(3);
    const escaped = Math.floor((limits.contentEscapedBytesMax - 2) / 6);
    story.refuses(saysSo('\u0001'.repeat(escaped + 1)), 'content_too_long', {
      bytes: 6 * (escaped + 1) + 2,
      bytesMax: limits.contentEscapedBytesMax,
    });
    expect(saysSo('\u0001'.repeat(escaped))(story.state)).toHaveLength(3);
    expect(saysSo('👍🏽 whole')(story.state)).toHaveLength(3);
  });

  it('refuses a parent that nothing can follow', () => {
    const story = new Story().started().turn('1');
    story.sends('n', { kind: 'note' });
    const following = (parent: string) => send(story.next(), saying('2', { parent }), asking('2'), assemble);
    story.refuses(following('elsewhere'), 'parent_not_found');
    story.refuses(following('mn'), 'parent_is_note');
  });

  it('refuses a turn whose prompt cannot be made', () => {
    const story = new Story().started();
    const gone = send(story.next(), saying('1'), asking('1', { provider: GONE }), assemble);
    story.refuses(gone, 'provider_not_configured', { provider: GONE });
  });

  it('sends the expected prompt, and no other', () => {
    const story = new Story().started();
    const expected = sha256(JSON.stringify([undefined, null, null, ['text 1']]));
    const expecting = (hash: string) => send(story.next(), saying('1'), asking('1', {}, hash), assemble);
    story.refuses(expecting(sha256('another')), 'prompt_changed', { promptSha256: expected });
    expect(story.does(expecting(expected))).toHaveLength(3);
  });

  it('is refused for other users, and before the conversation is started', () => {
    const story = new Story().started();
    const as = (by: { tenant: string; user: string }) =>
      send({ commandId: 'c', by }, saying('1'), asking('1'), assemble);
    story.refuses(as({ tenant: 'acme', user: 'eve' }), 'conversation_not_found');
    story.refuses(as({ tenant: 'other', user: 'ada' }), 'conversation_not_found');
    new Story().refuses(send(command('c'), saying('1'), null, assemble), 'conversation_not_found');
  });
});

describe('a note', () => {
  it('starts no generation, and is neither selected nor followed', () => {
    const story = new Story().started().turn('1');
    const by = story.next();
    const events = story.does(send(by, saying('n', { kind: 'note' }), asking('n'), assemble));
    expect(events).toMatchObject([{ type: 'MessageSent', data: { kind: 'note', parent: 'g1' } }]);
    expect(story.state.leaf).toBe('g1');
    story.sends('2');
    expect(idsTo(story, 'g2')).toEqual(['m1', 'g1', 'm2', 'g2']);
    story.sends('o', { kind: 'note', parent: null });
    expect(idsTo(story, 'mo')).toEqual(['mo']);
  });

  it('has no reply', () => {
    const story = new Story().started();
    story.sends('n', { kind: 'note' });
    story.refuses(generate(story.next(), 'mn', asking('1'), assemble), 'message_is_note');
  });
});

describe('an edit', () => {
  it('has the parent of the message that it revises', () => {
    const story = new Story().started().turn('1').turn('2');
    const [sent] = story.sends('3', { revises: 'm2' });
    expect(sent?.data).toMatchObject({ messageId: 'm3', parent: 'g1', revises: 'm2', kind: 'message' });
    expect(story.state.leaf).toBe('g3');
    expect(idsTo(story, 'g3')).toEqual(['m1', 'g1', 'm3', 'g3']);
    expect(idsTo(story, 'g2')).toEqual(['m1', 'g1', 'm2', 'g2']);
  });

  it('of a root is a root, and may say so', () => {
    const story = new Story().started().turn('1');
    story.turn('2', { revises: 'm1' }).turn('3', { revises: 'm1', parent: null });
    expect([idsTo(story, 'm2'), idsTo(story, 'm3')]).toEqual([['m2'], ['m3']]);
  });

  it('of a note is a note', () => {
    const story = new Story().started().turn('1');
    story.sends('n', { kind: 'note' });
    expect(story.sends('o', { revises: 'mn' })).toMatchObject([
      { data: { kind: 'note', parent: 'g1', revises: 'mn' } },
    ]);
    expect(story.state.leaf).toBe('g1');
  });

  it('refuses another parent, another kind, and an id that is no message', () => {
    const story = new Story().started().turn('1').turn('2');
    const edit = (message: object) => send(story.next(), saying('3', message), asking('3'), assemble);
    story.refuses(edit({ revises: 'm2', parent: null }), 'revision_mismatch');
    story.refuses(edit({ revises: 'm2', parent: 'm1' }), 'revision_mismatch');
    story.refuses(edit({ revises: 'm2', kind: 'note' }), 'revision_mismatch');
    story.refuses(edit({ revises: 'g2' }), 'message_not_found');
    story.refuses(edit({ revises: 'elsewhere' }), 'message_not_found');
  });
});

describe('asking for a first answer', () => {
  it('is refused where there is one, or no message', () => {
    const story = new Story().started().turn('1');
    const ask = (id: string) => generate(story.next(), id, asking('2'), assemble);
    story.refuses(ask('m1'), 'already_replied');
    story.refuses(ask('g1'), 'message_not_found');
    story.refuses(ask('elsewhere'), 'message_not_found');
  });
});
