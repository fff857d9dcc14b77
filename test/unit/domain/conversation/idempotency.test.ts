import { describe, expect, it } from '@jest/globals';
import { selectBranch } from '../../../../src/domain/conversation/branch.js';
import { change } from '../../../../src/domain/conversation/change.js';
import { answerTo, type Command, type Decision } from '../../../../src/domain/conversation/command.js';
import { requestCancel } from '../../../../src/domain/conversation/endings.js';
import { start } from '../../../../src/domain/conversation/start.js';
import { generate, regenerate, send } from '../../../../src/domain/conversation/turns.js';
import { ada, asking, assemble, command, ended, Story, saying, sha256 } from './story.js';

const enqueue = { whenBusy: 'enqueue' } as const;

/** Every kind of command, in an order in which each can be obeyed. */
const commands: [string, (by: Command) => Decision][] = [
  ['start', (by) => start(by, { title: 'Taxes' })],
  ['send', (by) => send(by, saying('1'), asking('1'), assemble)],
  ['note', (by) => send(by, saying('n', { kind: 'note' }), null, assemble)],
  ['wait', (by) => send(by, saying('2'), asking('2', enqueue), assemble)],
  ['regenerate', (by) => regenerate(by, 'g1', asking('3', enqueue), assemble)],
  ['cancel open', (by) => requestCancel(by, 'g1', sha256)],
  ['cancel queued', (by) => requestCancel(by, 'g2', sha256)],
  ['message only', (by) => send(by, saying('4'), null, assemble)],
  ['generate', (by) => generate(by, 'm4', asking('4', enqueue), assemble)],
  ['branch', (by) => selectBranch(by, 'g1')],
  ['change', (by) => change(by, { title: 'Other', archived: true, model: 'b' })],
];

/** Each with its own id and fingerprint. */
function told(): Story {
  const story = new Story();
  for (const [name, decide] of commands) {
    const by = command(name, `request ${name}`);
    expect(story.does(decide(by), by)).not.toEqual([]);
  }
  story.ends('1');
  return story;
}

describe('a command that is repeated', () => {
  it.each(commands)('is not obeyed again, whatever happened since: %s', (name, decide) => {
    const story = told();
    const answer = answerTo(story.state, name);
    story.ends('3', ended('g3'));
    expect(decide(command(name, `request ${name}`))(story.state)).toEqual([]);
    expect(answerTo(story.state, name)).toBe(answer);
  });

  it.each(commands)('is refused when it is another one: %s', (name, decide) => {
    const story = told();
    story.refuses(decide(command(name, 'another request')), 'idempotency_key_reused');
    story.refuses(decide(command(name)), 'idempotency_key_reused');
    const [[, beginning]] = commands as [(typeof commands)[number]];
    story.refuses(beginning(command('send', 'request start')), 'idempotency_key_reused');
  });

  it('is checked before everything else but whose conversation it is', () => {
    const story = told();
    story.refuses(
      send(command('note', 'other'), saying('5', { content: '' }), null, assemble),
      'idempotency_key_reused',
    );
    const by = { ...command('send', 'request send'), by: { ...ada, user: 'eve' } };
    story.refuses(send(by, saying('1'), asking('1'), assemble), 'conversation_not_found');
  });
});

describe('the answer to a command', () => {
  const none = { messageId: null, generationId: null, promptSha256: null };

  it.each([
    ['start', { ...none, seen: 1 }],
    ['send', { messageId: 'm1', generationId: 'g1', promptSha256: expect.stringMatching(/^[0-9a-f]{64}$/), seen: 4 }],
    ['note', { ...none, messageId: 'mn', seen: 5 }],
    ['wait', { messageId: 'm2', generationId: 'g2', promptSha256: null, seen: 7 }],
    ['regenerate', { ...none, generationId: 'g3', seen: 8 }],
    ['cancel open', { ...none, seen: 9 }],
    ['cancel queued', { ...none, seen: 10 }],
    ['message only', { ...none, messageId: 'm4', seen: 11 }],
    ['generate', { ...none, generationId: 'g4', seen: 12 }],
    ['branch', { ...none, seen: 13 }],
    ['change', { ...none, seen: 16 }],
  ])('says what came of it, and from which cursor on it can be seen: %s', (name, answer) => {
    expect(answerTo(told().state, name)).toEqual(answer);
  });

  it('does not learn the prompt of a turn that had to wait', () => {
    const story = told();
    expect(story.state.open).toBe('g3');
    expect(answerTo(story.state, 'regenerate')?.promptSha256).toBeNull();
  });

  it('does not take the prompt of the next one for its own', () => {
    const story = told();
    const prompt = story.events.find(({ type, data }) => type === 'PromptAssembled' && data.generationId === 'g3');
    expect(answerTo(story.state, prompt?.meta.commandId ?? '')).toEqual({ ...none, seen: expect.any(Number) });
  });

  it('is not kept for a command that was refused or changed nothing', () => {
    const story = told();
    const by = command('again', 'request');
    expect(story.does(change(by, { title: 'Other' }), by)).toEqual([]);
    expect(answerTo(story.state, 'again')).toBeUndefined();
    story.refuses(selectBranch(by, 'elsewhere'), 'leaf_not_found');
    expect(story.does(change(command('again', 'another request'), { title: 'New' }))).toHaveLength(1);
  });
});
