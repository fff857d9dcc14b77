import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type AssembledPrompt, assemblePrompt } from '../../../../src/domain/prompt/assemble.js';
import { ASSEMBLER, renderPrompt } from '../../../../src/domain/prompt/assembler.js';
import { upcasters } from '../../../../src/events/upcasters.js';
import { oneEach, textsOf, type WholeDraft } from './drafts.js';

interface GoldenBody {
  readonly draft: Omit<WholeDraft, 'tokenizer'>;
  readonly prompt: AssembledPrompt;
  readonly body: string;
}

/** The files hold prompts of PromptAssembled 1, and drafts that name a field of an event. */
function fromFile({ draft, prompt, body }: { draft: FirstDraft; prompt: object; body: string }): GoldenBody {
  const { attempt: _, ...present } = upcasters.PromptAssembled[1](prompt) as AssembledPrompt & { attempt: number };
  const { system } = draft;
  const source = system && { event: system.source.event, pointer: `data/${system.source.field}` };
  return { draft: { ...draft, system: system && source && { text: system.text, source } }, prompt: present, body };
}

type FirstDraft = Omit<GoldenBody['draft'], 'system'> & {
  readonly system: {
    readonly text: string;
    readonly source: { readonly event: string; readonly field: string };
  } | null;
};

const folder = join(import.meta.dirname, '../../../golden/bodies');
const golden = readdirSync(folder).map((name): [string, GoldenBody] => [
  name,
  fromFile(JSON.parse(readFileSync(join(folder, name), 'utf8'))),
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
