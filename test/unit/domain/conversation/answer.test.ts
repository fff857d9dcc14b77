import { describe, expect, it } from '@jest/globals';
import { type Answer, answerOf } from '../../../../src/commands/handle.js';
import { selectBranch } from '../../../../src/domain/conversation/branch.js';
import { change } from '../../../../src/domain/conversation/change.js';
import type { Command, ConversationDecision } from '../../../../src/domain/conversation/conversation.js';
import { requestCancel } from '../../../../src/domain/conversation/endings.js';
import { start } from '../../../../src/domain/conversation/start.js';
import { generate, regenerate, send } from '../../../../src/domain/conversation/turns.js';
import { ada, asking, assemble, command, Story, saying } from './story.js';

const enqueue = { whenBusy: 'enqueue' } as const;

/** Every kind of command, in an order in which each can be obeyed. */
const commands: [string, (by: Command) => ConversationDecision][] = [
  ['start', () => start({ title: 'Taxes' })],
  ['send', (by) => send(by, saying('1'), asking('1'), assemble)],
  ['note', (by) => send(by, saying('n', { kind: 'note' }), null, assemble)],
  ['wait', (by) => send(by, saying('2'), asking('2', enqueue), assemble)],
  ['regenerate', (by) => regenerate(by, 'g1', asking('3', enqueue), assemble)],
  ['cancel open', (by) => requestCancel(by, 'g1')],
  ['cancel queued', (by) => requestCancel(by, 'g2')],
  ['message only', (by) => send(by, saying('4'), null, assemble)],
  ['generate', (by) => generate(by, 'm4', asking('4', enqueue), assemble)],
  ['branch', (by) => selectBranch(by, 'g1')],
  ['change', (by) => change(by, { title: 'Other', archived: true, model: 'b' })],
];

/** The answer of each command, read off its events. */
function answers(): Map<string, Answer> {
  const story = new Story();
  return new Map(
    commands.map(([name, decide]) => {
      const by = command(name, `request ${name}`);
      const events = story.does(decide(by), by);
      expect(events).not.toEqual([]);
      return [name, answerOf(events, story.events.length)];
    }),
  );
}

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
  ])('names what the command made, and the cursor from which on it can be seen: %s', (name, answer) => {
    expect(answers().get(name)).toEqual(answer);
  });

  it('does not take the prompt of the next generation for its own', () => {
    const story = new Story().started();
    story.sends('1');
    story.sends('2', {}, enqueue);
    const events = story.ends('1');
    expect(events.map(({ type }) => type)).toEqual(['GenerationFinalized', 'PromptAssembled']);
    expect(answerOf(events, story.events.length)).toEqual({ ...none, seen: story.events.length });
  });
});

describe('a command of another user', () => {
  it.each(commands.slice(1))('is refused as if the conversation did not exist: %s', (name, decide) => {
    const story = new Story().started().turn('1');
    const by = { ...command(name), by: { ...ada, user: 'eve' } };
    story.refuses(decide(by), 'conversation_not_found');
  });
});

describe('the start of a conversation', () => {
  it('is refused if the conversation exists', () => {
    new Story().started().refuses(start({ title: 'again' }), 'conversation_exists');
  });
});
