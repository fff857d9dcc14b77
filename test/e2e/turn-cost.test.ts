import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { usually } from '../support/extent.js';
import type { LiveChat } from '../support/live-chat.js';
import { LiveProduct } from '../support/live-product.js';

const TURNS = usually(150, 500);

let live: LiveProduct;
let chat: LiveChat;
beforeAll(async () => {
  live = await LiveProduct.start();
  chat = await live.chat({ title: 'Long', system: 'Remember everything.', tokenBudget: 2 ** 30 });
});
afterAll(() => live.stop());

interface Prompt {
  readonly bytes: number;
  readonly generation: string;
  readonly sha256: string;
  readonly bodyBytes: number;
  readonly trimmed: readonly object[];
}

/** As they stand in the log, oldest first. */
async function prompts(): Promise<Prompt[]> {
  const events = await live.stream(`conversation-${chat.id}`);
  return events
    .filter(({ type }) => type === 'PromptAssembled')
    .map(({ data }) => {
      const { generationId, sha256, bytes: bodyBytes, trimmed } = JSON.parse(data);
      return { bytes: Buffer.byteLength(data), generation: generationId, sha256, bodyBytes, trimmed };
    });
}

/** One request for a whole turn: its stream ends with it. */
async function turn(content: string): Promise<void> {
  const { text } = await chat.post('messages', { content }, { accept: 'text/event-stream' });
  expect(text).toContain('"status":"final"');
}

const bytesAt = (all: readonly Prompt[], nth: number) => all[nth - 1]?.bytes ?? 0;

describe('a long conversation', () => {
  it('adds as many bytes to the log for its last turn as for its first, although the prompts grow', async () => {
    for (let nth = 1; nth <= TURNS; nth++) await turn(`turn ${nth}`);
    const all = await prompts();
    expect(all).toHaveLength(TURNS);
    const [early, later, late] = [5, 50, TURNS].map((nth) => bytesAt(all, nth));
    expect(Math.abs((later ?? 0) - (early ?? 0))).toBeLessThanOrEqual(64);
    expect(Math.abs((late ?? 0) - (early ?? 0))).toBeLessThanOrEqual(64);
    const bodies = [5, 50, TURNS].map((nth) => all[nth - 1]?.bodyBytes ?? 0);
    expect(bodies[2]).toBeGreaterThan((TURNS / 10) * (bodies[0] ?? 0));
    expect(all.flatMap(({ trimmed }) => trimmed)).toEqual([]);
  }, 120_000);

  it('adds hardly more when most of it no longer fits into a prompt', async () => {
    await chat.change({ tokenBudget: 500 });
    await turn('turn within a budget');
    const all = await prompts();
    expect(all.at(-1)?.trimmed).toHaveLength(1);
    expect(bytesAt(all, all.length) - bytesAt(all, 5)).toBeLessThanOrEqual(256);
  });

  it('returns the bytes of its prompts as the provider got them', async () => {
    const received = live.provider.received().map(({ body }) => sha256(body));
    const all = await prompts();
    expect(received).toEqual(all.map((prompt) => prompt.sha256));
    // Each one reads the whole ledger. The checker below makes them all again.
    for (const { generation, sha256: recorded, bodyBytes } of all.filter((_, nth) => nth % 25 === 0 || nth >= TURNS)) {
      const { status, bytes } = await chat.by.call('GET', `/runs/${generation}/request`);
      expect([status, sha256(bytes), bytes.length]).toEqual([200, recorded, bodyBytes]);
    }
  }, 120_000);

  it('has kept every promise', async () => {
    expect(await live.breaches()).toEqual([]);
  });
});

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');
