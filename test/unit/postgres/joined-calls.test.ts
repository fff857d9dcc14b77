import { describe, expect, it } from '@jest/globals';
import { JoinedCalls } from '../../../src/adapters/postgres/joined-calls.js';
import { until } from '../../support/until.js';

function joined(apartMs = 0) {
  const asked: (readonly string[])[] = [];
  const answers: ((error?: Error) => void)[] = [];
  const calls = new JoinedCalls<string, string>((batch) => {
    asked.push(batch);
    return new Promise((resolve, reject) => {
      const known = batch.filter((call) => call !== 'unknown').map((call) => [call, `of ${call}`] as const);
      answers.push((error) => (error ? reject(error) : resolve(new Map(known))));
    });
  }, apartMs);
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const answerNext = async (error?: Error) => {
    await turn();
    answers.shift()?.(error);
    await turn();
  };
  return { asked, answerNext, ask: (call: string, key = call) => calls.ask(key, call) };
}

describe('calls that are joined', () => {
  it('go together when they come together, and each gets its own answer', async () => {
    const { asked, answerNext, ask } = joined();
    const answers = Promise.all([ask('a'), ask('unknown'), ask('b')]);
    await answerNext();
    expect(await answers).toEqual(['of a', undefined, 'of b']);
    expect(asked).toEqual([['a', 'unknown', 'b']]);
  });

  it('wait while a statement is under way, and then go together', async () => {
    const { asked, answerNext, ask } = joined();
    const first = ask('a');
    await new Promise((resolve) => setImmediate(resolve));
    const later = Promise.all([ask('b'), ask('c')]);
    await answerNext();
    expect([await first, asked]).toEqual(['of a', [['a'], ['b', 'c']]]);
    await answerNext();
    expect(await later).toEqual(['of b', 'of c']);
  });

  it('about the same thing go one after the other', async () => {
    const { asked, answerNext, ask } = joined();
    const both = Promise.all([ask('first', 'same'), ask('second', 'same'), ask('other')]);
    await answerNext();
    await answerNext();
    await both;
    expect(asked).toEqual([['first', 'other'], ['second']]);
  });

  it('fail together, and those after them are asked all the same', async () => {
    const { answerNext, ask } = joined();
    const failing = Promise.allSettled([ask('a'), ask('b')]);
    await answerNext(new Error('away'));
    expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const next = ask('c');
    await answerNext();
    expect(await next).toBe('of c');
  });

  it('are one statement also when they come one after the other, if statements are kept apart', async () => {
    const { asked, answerNext, ask } = joined(100);
    const first = ask('a');
    await answerNext();
    expect(await first).toBe('of a');
    const second = ask('b');
    await new Promise((resolve) => setImmediate(resolve));
    const third = ask('c');
    expect(asked).toEqual([['a']]);
    await until(() => asked.length === 2);
    await answerNext();
    expect(await Promise.all([second, third])).toEqual(['of b', 'of c']);
    expect(asked).toEqual([['a'], ['b', 'c']]);
  });
});
