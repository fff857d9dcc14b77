import type { BodyTexts, PromptPart } from '../formats/body-format.js';
import { openAiChat1 } from '../formats/openai-chat-1.js';
import { hex, utf8, type VerifierCrypto } from './bytes.js';
import { isObject, type JsonObject } from './canonical-json.js';
import type { Findings } from './findings.js';
import {
  answerOf,
  HIDDEN,
  isHidden,
  promptParts,
  type Revealed,
  textIn,
  textOfAll,
  valueAt,
} from './recorded-values.js';
import type { TapeSummary } from './tape.js';

/** An event of a conversation's chain, with its revealed values. */
export interface ReadEvent {
  readonly id: string;
  readonly type: string;
  readonly schema: number;
  readonly data: unknown;
}

interface MessageNode {
  readonly kind: 'message';
  readonly parent: string | null;
  readonly role: 'user' | 'assistant';
  readonly text: Revealed<string>;
}

interface ReplyNode {
  readonly kind: 'reply';
  readonly parent: string;
  isPrompted: boolean;
  end: { readonly status: unknown; readonly text: Revealed<string> } | undefined;
}

/** Characters of the texts of one conversation. The product ends a conversation at a quarter of it. */
const CHARACTERS_MAX = 256 * 1024 * 1024;
const ASSEMBLER = 1;
const FORMATS = new Map([[openAiChat1.name, openAiChat1]]);

export interface TurnCounts {
  answers: number;
  prompts: number;
  /** Prompts that depend on values that are not revealed. */
  hiddenPrompts: number;
}

/** The turns of one conversation: every answer has its request and its tape before it, and every prompt its recorded bytes. */
export class ConversationTurns {
  private readonly nodes = new Map<string, MessageNode | ReplyNode>();
  /** By the ids of their events, the data to which prompts refer. */
  private readonly sources = new Map<string, unknown>();
  private readonly tapes = new Map<string, TapeSummary>();
  private readonly finished = new Set<string>();
  private characters = 0;

  constructor(
    private readonly crypto: Pick<VerifierCrypto, 'sha256'>,
    private readonly findings: Findings,
    private readonly counts: TurnCounts,
  ) {}

  event({ id, type, schema, data }: ReadEvent, place: string): void {
    if (!isObject(data)) return;
    switch (type) {
      case 'ConversationStarted':
      case 'ConversationConfigured':
      case 'PromptTextRecorded':
        this.sources.set(id, data);
        this.hold(data.system ?? data.value, place);
        break;
      case 'MessageSent':
        this.message(data, place);
        break;
      case 'GenerationRequested':
        this.request(data, place);
        break;
      case 'PromptAssembled':
        this.prompt(data, schema, place);
        break;
      case 'GenerationFinalized':
        this.end(data, schema, place);
        break;
      default:
    }
  }

  tape(generation: string, tape: TapeSummary, place: string): void {
    this.findings.unless(
      this.replyOf(generation) !== undefined,
      place,
      `no request of ${generation} is before its tape`,
    );
    const isSecond = this.tapes.has(generation) || this.finished.has(generation);
    this.findings.unless(!isSecond, place, `${generation} has another tape, or has ended before`);
    this.tapes.set(generation, tape);
    if (tape.content !== HIDDEN) this.hold(tape.content, place);
  }

  /** Tapes without an end are of turns that were open at the size of the bag. */
  private message({ messageId, parent, role, parts, kind }: JsonObject, place: string): void {
    const id = String(messageId);
    if (kind === 'note' || this.nodes.has(id)) return;
    const text = textOfAll(parts, 'type');
    this.hold(text, place);
    const known = typeof parent === 'string' && this.nodes.has(parent) ? parent : null;
    this.nodes.set(id, { kind: 'message', parent: known, role: role === 'user' ? 'user' : 'assistant', text });
  }

  private request({ generationId, messageId }: JsonObject, place: string): void {
    const [id, parent] = [String(generationId), String(messageId)];
    const isOfMessage = this.nodes.get(parent)?.kind === 'message';
    this.findings.unless(isOfMessage, place, `the message ${parent} is not before it`);
    if (!isOfMessage || this.nodes.has(id)) return;
    this.nodes.set(id, { kind: 'reply', parent, isPrompted: false, end: undefined });
  }

  private prompt(data: JsonObject, schema: number, place: string): void {
    const reply = this.replyOf(data.generationId);
    if (reply) reply.isPrompted = true;
    else this.findings.mistake(place, `no request of ${data.generationId} is before it`);
    const body = this.bodyOf(data, schema, place);
    if (body === undefined) return;
    if (body === HIDDEN || isHidden(data.sha256)) {
      this.counts.hiddenPrompts++;
      return;
    }
    this.counts.prompts++;
    const bytes = utf8(body);
    const isSame = hex(this.crypto.sha256(bytes)) === data.sha256 && bytes.length === data.bytes;
    this.findings.unless(
      isSame,
      place,
      'the bytes of the prompt, made again from the texts, have another hash or length',
    );
  }

  private bodyOf(data: JsonObject, schema: number, place: string): Revealed<string> | undefined {
    const parts = promptParts(data, schema);
    const format = FORMATS.get(schema === 1 ? openAiChat1.name : String(data.format));
    if (parts === HIDDEN) return HIDDEN;
    if (!format || data.assembler !== ASSEMBLER || parts.some(({ kind }) => kind === 'own')) {
      this.findings.remark(place, `its format ${data.format}, or what it is made of, is not known to this verifier`);
      return undefined;
    }
    const texts = new RenderedTexts(this.nodes, this.sources);
    const body = format.render(parts as readonly PromptPart[], texts);
    for (const missing of texts.missing)
      this.findings.mistake(place, `${missing}, to which it refers, is not before it`);
    if (texts.missing.length > 0) return undefined;
    return texts.isHidden ? HIDDEN : body;
  }

  private end(data: JsonObject, schema: number, place: string): void {
    const id = String(data.generationId);
    const reply = this.replyOf(id);
    this.findings.unless(reply !== undefined, place, `no request of ${id} is before it`);
    this.findings.unless(!this.finished.has(id), place, `${id} has ended before`);
    this.finished.add(id);
    const text = answerOf(data, schema);
    this.hold(text, place);
    if (reply && !reply.end) reply.end = { status: data.status, text };
    if (text !== HIDDEN && !isHidden(data.textSha256)) {
      const isOfText = hex(this.crypto.sha256(utf8(text))) === data.textSha256;
      this.findings.unless(isOfText, place, 'its answer has another hash than it says');
    }
    if (data.attempt === null) return;
    this.counts.answers++;
    this.findings.unless(reply?.isPrompted === true, place, `no prompt of ${id} is before it`);
    const tape = this.tapes.get(id);
    this.tapes.delete(id);
    if (!tape) this.findings.mistake(place, `no tape of ${id} is before it`);
    else this.compareWithTape(data, text, tape, place);
  }

  private compareWithTape(
    { attempt, deltas }: JsonObject,
    text: Revealed<string>,
    tape: TapeSummary,
    place: string,
  ): void {
    this.findings.unless(tape.attempt === attempt, place, `its tape ends with the attempt ${tape.attempt}`);
    this.findings.unless(tape.deltas === deltas, place, `its tape has ${tape.deltas} pieces, and it says ${deltas}`);
    const isJoined = tape.content === HIDDEN || text === HIDDEN || tape.content === text;
    this.findings.unless(isJoined, place, 'its answer is not the text of the pieces on its tape');
  }

  private replyOf(id: unknown): ReplyNode | undefined {
    const node = this.nodes.get(String(id));
    return node?.kind === 'reply' ? node : undefined;
  }

  private hold(text: unknown, place: string): void {
    if (typeof text === 'string') this.characters += text.length;
    if (this.characters <= CHARACTERS_MAX) return;
    this.findings.mistake(
      place,
      'its conversation has more text than any can have, so its later turns are not checked',
    );
    this.nodes.clear();
    this.sources.clear();
    this.characters = 0;
  }
}

/** The texts of a prompt. Rendering needs all at once, so what is hidden or missing is noted and the empty text is taken. */
class RenderedTexts implements BodyTexts {
  isHidden = false;
  readonly missing: string[] = [];

  constructor(
    private readonly nodes: ReadonlyMap<string, MessageNode | ReplyNode>,
    private readonly sources: ReadonlyMap<string, unknown>,
  ) {}

  text({ event, pointer }: { readonly event: string; readonly pointer: string }): string {
    const value = this.sources.has(event) ? valueAt(pointer, this.sources.get(event)) : undefined;
    if (value === undefined) this.missing.push(`the text ${pointer} of the event ${event}`);
    return this.known(textIn(value));
  }

  messages(from: string, to: string): readonly { readonly role: 'user' | 'assistant'; readonly text: string }[] {
    const newestFirst: { role: 'user' | 'assistant'; text: string }[] = [];
    let id: string | null = to;
    while (id !== null) {
      const node: MessageNode | ReplyNode | undefined = this.nodes.get(id);
      if (!node) break;
      if (node.kind === 'message') newestFirst.push({ role: node.role, text: this.known(node.text) });
      else if (entersPrompts(node)) newestFirst.push({ role: 'assistant', text: this.known(node.end?.text ?? '') });
      if (id === from) return newestFirst.reverse();
      id = node.parent;
    }
    this.missing.push(`the path from ${from} to ${to}`);
    return [];
  }

  private known(text: Revealed<string>): string {
    if (text === HIDDEN) this.isHidden = true;
    return text === HIDDEN ? '' : text;
  }
}

function entersPrompts({ end }: ReplyNode): boolean {
  return end !== undefined && end.status !== 'error' && end.text !== '';
}
