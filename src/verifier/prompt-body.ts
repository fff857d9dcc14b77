import type { BodyFormat, BodyTexts, PromptPart } from '../formats/body-format.js';
import { hex, utf8, type VerifierCrypto } from './bytes.js';
import type { JsonObject } from './canonical-json.js';
import { HIDDEN, type Revealed } from './recorded-values.js';

export interface MessageNode {
  readonly kind: 'message';
  readonly parent: string | null;
  readonly role: 'user' | 'assistant';
  readonly text: Revealed<string>;
}

export interface ReplyNode {
  readonly kind: 'reply';
  readonly parent: string;
  isPrompted: boolean;
  end: { readonly status: unknown; readonly text: Revealed<string> } | undefined;
}

/** What the prompts of a conversation are made of. */
export interface PromptSources {
  readonly nodes: ReadonlyMap<string, MessageNode | ReplyNode>;
  /** By event and pointer. */
  readonly texts: ReadonlyMap<string, ReadonlyMap<string, Revealed<string>>>;
}

/** The longest prompt of the product has 4 Mi characters, and JSON writes a character in at most 6 bytes. */
const PROMPT_BYTES_MAX = 32 * 1024 * 1024;
/**
 * Characters of prompts for each byte of a bag. A turn is at least 4 kB of a bag, so the longest prompts of the product
 * need at most 1,024. A few bytes that refer to one long text again and again would cost without end.
 */
const CHARACTERS_PER_BYTE = 1_024;

/** The work that all prompts of a bag may cost. */
export class PromptWork {
  private left: number;

  constructor(bagBytes: number) {
    this.left = bagBytes * CHARACTERS_PER_BYTE;
  }

  /** False if the work is used up. */
  take(characters: number): boolean {
    this.left -= characters;
    return this.left >= 0;
  }
}

export const OTHER_BODY = 'the bytes of the prompt, made again from the texts, have another hash or length';

/** Hidden: the body depends on a value that is not revealed. A text: why there is no body. */
export type MadeBody = typeof HIDDEN | string | { readonly sha256: string; readonly bytes: number };

/** The body of a prompt, part by part and no further than its recorded length, so that no body is held as a whole. */
export function madeBody(
  format: BodyFormat,
  parts: readonly PromptPart[],
  bytesMax: number,
  { sources, work, crypto }: { sources: PromptSources; work: PromptWork; crypto: VerifierCrypto },
): MadeBody {
  if (!(bytesMax <= PROMPT_BYTES_MAX)) return 'its prompt has no length, or is longer than any';
  const texts = new RenderedTexts(sources, work, bytesMax);
  const hashing = crypto.hashing();
  let bytes = 0;
  for (const part of parts) {
    texts.charge(0);
    const rendered = utf8(format.render([part], texts));
    bytes += rendered.length;
    if (bytes > bytesMax) return OTHER_BODY;
    if (texts.failure !== undefined) return texts.failure;
    hashing.update(rendered);
  }
  return texts.isHidden ? HIDDEN : { sha256: hex(hashing.digest()), bytes };
}

/** Whether the format can render it. */
export function isPromptPart(part: JsonObject): part is JsonObject & PromptPart {
  const { kind, text, event, pointer, from, to } = part;
  const members = kind === 'literal' ? [text] : kind === 'text' ? [event, pointer] : kind === 'path' ? [from, to] : [0];
  return members.every((member) => typeof member === 'string');
}

/** The texts of a prompt. A format needs a text for each place, so in the place of a hidden or refused one is the empty text. */
class RenderedTexts implements BodyTexts {
  isHidden = false;
  failure: string | undefined;

  constructor(
    private readonly sources: PromptSources,
    private readonly work: PromptWork,
    /** A character has one byte or more. */
    private charactersLeft: number,
  ) {}

  text({ event, pointer }: { readonly event: string; readonly pointer: string }): string {
    const text = this.sources.texts.get(event)?.get(pointer);
    if (text === undefined) return this.miss(`the text ${pointer} of the event ${event}`);
    return this.known(text);
  }

  messages(from: string, to: string): readonly { readonly role: 'user' | 'assistant'; readonly text: string }[] {
    const newestFirst: { role: 'user' | 'assistant'; text: string }[] = [];
    let id: string | null = to;
    while (id !== null && this.charge(0)) {
      const node: MessageNode | ReplyNode | undefined = this.sources.nodes.get(id);
      if (!node) break;
      if (node.kind === 'message') newestFirst.push({ role: node.role, text: this.known(node.text) });
      else if (entersPrompts(node)) newestFirst.push({ role: 'assistant', text: this.known(node.end?.text ?? '') });
      if (id === from) return newestFirst.reverse();
      id = node.parent;
    }
    this.miss(`the path from ${from} to ${to}`);
    return [];
  }

  /** For a step, and for characters. False if the prompt has failed. */
  charge(characters: number): boolean {
    this.charactersLeft -= characters;
    if (this.charactersLeft < 0) this.failure ??= OTHER_BODY;
    if (!this.work.take(characters + 1))
      this.failure ??= 'the prompts need more work than those of any bag of this size';
    return this.failure === undefined;
  }

  private known(text: Revealed<string>): string {
    if (text === HIDDEN) this.isHidden = true;
    return text !== HIDDEN && this.charge(text.length) ? text : '';
  }

  private miss(what: string): string {
    this.failure ??= `${what}, to which it refers, is not before it`;
    return '';
  }
}

function entersPrompts({ end }: ReplyNode): boolean {
  return end !== undefined && end.status !== 'error' && end.text !== '';
}
