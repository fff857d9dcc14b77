import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { assemblePrompt } from '../../../../src/domain/prompt/assemble.js';
import { ASSEMBLER, type PromptAssembledData, renderPrompt } from '../../../../src/domain/prompt/assembler.js';
import { oneEach, textsOf, type WholeDraft } from './drafts.js';

interface GoldenBody {
  readonly draft: Omit<WholeDraft, 'tokenizer'>;
  readonly prompt: Omit<PromptAssembledData, 'generationId' | 'messageId'>;
  readonly body: string;
}

const folder = join(import.meta.dirname, '../../../golden/bodies');
const golden = readdirSync(folder).map((name): [string, GoldenBody] => [
  name,
  JSON.parse(readFileSync(join(folder, name), 'utf8')),
]);
const draftOf = ({ draft }: GoldenBody): WholeDraft => ({ ...draft, tokenizer: oneEach });
const bytesOf = (body: string) => Buffer.from(body, 'utf8').toString('hex');

describe('golden bodies', () => {
  it('cover every assembler version up to the present one', () => {
    const versions = new Set(golden.map(([, { prompt }]) => prompt.assembler));
    expect([...versions].sort()).toEqual(Array.from({ length: ASSEMBLER }, (_, nth) => nth + 1));
  });

  it.each(golden)('%s is rendered from its recorded parts byte for byte', (_, file) => {
    expect(bytesOf(renderPrompt(file.prompt, textsOf(draftOf(file))))).toBe(bytesOf(file.body));
  });

  it.each(golden.filter(([, { prompt }]) => prompt.assembler === ASSEMBLER))(
    '%s is assembled from its draft with the recorded parts, hash and counts',
    (_, file) => {
      expect(assemblePrompt(draftOf(file))).toMatchObject({ ok: true, prompt: file.prompt, body: file.body });
    },
  );
});
