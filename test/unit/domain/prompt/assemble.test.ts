import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { assemblePrompt, type PromptDraft } from '../../../../src/domain/prompt/assemble.js';
import { renderPrompt } from '../../../../src/domain/prompt/assembler.js';
import { aDraft, anyDraft, assembled, leftOutIn, reply, system, systemSource, textsOf, user } from './drafts.js';

const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex');
const odd = 'NUL \0, lone \ud83d, wrong way round \udc4d\ud83d, 👩‍👩‍👧, "quoted" \\ back, \u2028 \t';

/** The body as anybody would write it who had never heard of parts. */
function plainBody(draft: PromptDraft, messages: { role: string; text: string }[]): string {
  const names = Object.keys(draft.params).sort();
  return JSON.stringify({
    model: draft.model,
    messages: messages.map(({ role, text }) => ({ role, content: text })),
    ...Object.fromEntries(names.map((name) => [name, draft.params[name]])),
    stream: true,
    stream_options: { include_usage: true },
  });
}

describe('the body of a prompt', () => {
  it('given a system text and a path, then it is exactly this', () => {
    const { body } = assembled({
      system: system('Be brief.'),
      path: [user('u1', 'Hi'), reply('a1', 'Hello!')],
      newest: user('u2', 'How "are" you?'),
      params: { top_p: 0.5, max_tokens: 100, stop: ['\n', 'END'], temperature: 0 },
    });
    expect(body).toBe(
      '{"model":"gpt-4o","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},' +
        '{"role":"assistant","content":"Hello!"},{"role":"user","content":"How \\"are\\" you?"}],' +
        '"max_tokens":100,"stop":["\\n","END"],"temperature":0,"top_p":0.5,' +
        '"stream":true,"stream_options":{"include_usage":true}}',
    );
  });

  it('given only a message, then it has only this message', () => {
    expect(JSON.parse(assembled().body).messages).toEqual([{ role: 'user', content: 'new' }]);
  });

  it('given an empty system text, then it has no system message', () => {
    expect(assembled({ system: system('') }).body).toBe(assembled().body);
  });

  it('given odd characters anywhere, then it is what JSON.stringify writes, and its bytes are UTF-8', () => {
    const draft = aDraft({
      model: odd,
      system: system(odd),
      path: [user('u1', odd), reply('a1', odd)],
      newest: user('u2', odd),
      params: { stop: odd },
    });
    const { body, prompt } = assembled(draft);
    const texts = ['system', 'user', 'assistant', 'user'].map((role) => ({ role, text: odd }));
    expect(body).toBe(plainBody(draft, texts));
    expect(Buffer.from(body, 'utf8').toString('utf8')).toBe(body);
    expect(prompt).toMatchObject({ bytes: Buffer.byteLength(body), sha256: sha256(body) });
  });
});

describe('the path in a prompt', () => {
  const path = [
    user('u1'),
    reply('a1', '', 'error'),
    user('u2'),
    reply('a2', 'half an ans', 'error'),
    user('u3'),
    reply('a3', '', 'cancelled'),
    user('u4'),
    reply('a4', 'half an ans', 'cancelled'),
    user('u5'),
    reply('a5', '', 'final'),
    user('u6'),
    { id: 'a6', role: 'assistant', text: 'put in by a client' } as const,
  ];
  const { body, prompt, segments } = assembled({ path });

  it('includes cancelled replies with text, and neither empty ones nor errors', () => {
    const contents = JSON.parse(body).messages.map(({ content }: { content: string }) => content);
    expect(contents).toEqual(['u1', 'u2', 'u3', 'u4', 'half an ans', 'u5', 'u6', 'put in by a client', 'new']);
    expect(segments.map(({ text }) => text)).toEqual(contents);
  });

  it('left out nodes have one record for each reason, from which each node follows', () => {
    expect(prompt.trimmed).toEqual([
      { from: 'a1', to: 'a2', count: 2, reason: 'error' },
      { from: 'a3', to: 'a5', count: 2, reason: 'empty' },
    ]);
    expect(leftOutIn(prompt, path)).toEqual([
      { id: 'a1', reason: 'error' },
      { id: 'a2', reason: 'error' },
      { id: 'a3', reason: 'empty' },
      { id: 'a5', reason: 'empty' },
    ]);
  });

  it('given that every reply is left out, then the messages alone enter, as one run', () => {
    const silent = [user('u1'), reply('a1', '', 'error'), user('u2'), reply('a2', '', 'cancelled')];
    const assembly = assembled({ path: silent });
    expect(assembly.segments.map(({ id }) => id)).toEqual(['u1', 'u2', 'new']);
    expect(assembly.prompt.parts.filter(({ kind }) => kind === 'path')).toEqual([
      { kind: 'path', from: 'u1', to: 'new' },
    ]);
  });
});

describe('the record of a prompt', () => {
  it('refers to texts in events and holds none of them', () => {
    const { prompt } = assembled({
      system: system('secret system'),
      path: [user('u1', 'secret question'), reply('a1', 'secret answer')],
      newest: user('u2', 'secret message'),
    });
    expect(JSON.stringify(prompt)).not.toContain('secret');
    expect(prompt.parts.slice(1, 4)).toEqual([
      { kind: 'text', ...systemSource },
      { kind: 'literal', text: '"},' },
      { kind: 'path', from: 'u1', to: 'u2' },
    ]);
  });

  it('says which settings were sent, sorted as they were sent', () => {
    const { prompt } = assembled({ params: { top_p: 1, seed: 7 } });
    expect(JSON.stringify(prompt.params)).toBe('{"seed":7,"top_p":1}');
    expect(prompt).toMatchObject({ provider: 'openai', model: 'gpt-4o', assembler: 1 });
  });
});

describe('the segments of a preview', () => {
  it('name their place, and their tokens make up the prompt but for the start of the answer', () => {
    const { segments, prompt } = assembled({ system: system('abc'), path: [user('u1'), reply('a1')] });
    expect(segments).toEqual([
      { role: 'system', text: 'abc', from: 'system', tokens: 7 },
      { role: 'user', text: 'u1', from: 'history', id: 'u1', tokens: 6 },
      { role: 'assistant', text: 'a1', from: 'history', id: 'a1', tokens: 6 },
      { role: 'user', text: 'new', from: 'you', id: 'new', tokens: 7 },
    ]);
    expect(prompt.tokens.prompt).toBe(7 + 6 + 6 + 7 + 3);
  });
});

describe('any draft', () => {
  it('gives the same bytes and the same record every time', () => {
    fc.assert(
      fc.property(anyDraft, (draft) => {
        const again = { ...structuredClone({ ...draft, tokenizer: undefined }), tokenizer: draft.tokenizer };
        expect(JSON.stringify(assemblePrompt(again))).toBe(JSON.stringify(assemblePrompt(draft)));
      }),
    );
  });

  it('that fits says what its segments say, and its record gives the same body again', () => {
    let fitted = 0;
    fc.assert(
      fc.property(anyDraft, (draft) => {
        const assembly = assemblePrompt(draft);
        if (!assembly.ok) return;
        fitted++;
        const { prompt, body, segments } = assembly;
        const recorded = JSON.parse(JSON.stringify(prompt)) as typeof prompt;
        expect(body).toBe(plainBody(draft, [...segments]));
        expect(renderPrompt(recorded, textsOf(draft))).toBe(body);
        expect(recorded).toMatchObject({ sha256: sha256(body), bytes: Buffer.byteLength(body) });
      }),
      { numRuns: 500 },
    );
    expect(fitted).toBeGreaterThan(100);
  });

  it('lets each node of its path enter, or says why it did not', () => {
    fc.assert(
      fc.property(anyDraft, (draft) => {
        const assembly = assemblePrompt(draft);
        if (!assembly.ok) return;
        const { prompt, segments } = assembly;
        const entered = segments.flatMap(({ id }) => (id === undefined ? [] : [id]));
        const leftOut = leftOutIn(prompt, draft.path).map(({ id }) => id);
        expect([...leftOut, ...entered].sort()).toEqual([...draft.path, draft.newest].map(({ id }) => id).sort());
        expect(prompt.trimmed.reduce((sum, { count }) => sum + count, 0)).toBe(leftOut.length);
      }),
      { numRuns: 500 },
    );
  });
});
