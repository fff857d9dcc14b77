import { openAiChat1 } from '../formats/openai-chat-1.js';
import { hex, utf8, type VerifierCrypto } from './bytes.js';
import { isObject, type JsonObject } from './canonical-json.js';
import type { Findings } from './findings.js';
import {
  isPromptPart,
  type MadeBody,
  type MessageNode,
  madeBody,
  OTHER_BODY,
  type PromptWork,
  type ReplyNode,
} from './prompt-body.js';
import { answerOf, HIDDEN, isHidden, promptParts, type Revealed, textIn, textOfAll } from './recorded-values.js';
import type { TapeSummary } from './tape.js';

/** An event of a conversation's chain, with its revealed values. */
export interface ReadEvent {
  readonly id: string;
  readonly type: string;
  readonly schema: number;
  readonly data: unknown;
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
  /** By the ids of their events and by pointers, the texts to which prompts refer. */
  private readonly texts = new Map<string, ReadonlyMap<string, Revealed<string>>>();
  private readonly tapes = new Map<string, TapeSummary>();
  private readonly finished = new Set<string>();
  private characters = 0;

  constructor(
    private readonly crypto: VerifierCrypto,
    private readonly findings: Findings,
    private readonly counts: TurnCounts,
    private readonly work: PromptWork,
  ) {}

  /** What the texts of the next tape may have. */
  get charactersLeft(): number {
    return CHARACTERS_MAX - this.characters;
  }

  event({ id, type, schema, data }: ReadEvent, place: string): void {
    if (!isObject(data)) return;
    switch (type) {
      case 'ConversationStarted':
      case 'ConversationConfigured':
      case 'PromptTextRecorded':
        this.source(id, data, place);
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

  /** Tapes without an end are of turns that were open at the size of the bag. */
  tape(generation: string, tape: TapeSummary, place: string): void {
    this.findings.unless(
      this.replyOf(generation) !== undefined,
      place,
      `no request of ${generation} is before its tape`,
    );
    const isSecond = this.tapes.has(generation) || this.finished.has(generation);
    this.findings.unless(!isSecond, place, `${generation} has another tape, or has ended before`);
    this.findings.unless(!tape.isCut, place, 'its tape has more text than a conversation can have');
    this.tapes.set(generation, tape);
    if (tape.content !== HIDDEN) this.hold(tape.content, place);
  }

  private source(id: string, data: JsonObject, place: string): void {
    const texts = new Map<string, Revealed<string>>();
    for (const name of ['system', 'value']) {
      const value = isHidden(data) ? HIDDEN : data[name];
      if (value === undefined) continue;
      texts.set(`data/${name}`, textIn(value));
      this.hold(value, place);
    }
    this.texts.set(id, texts);
  }

  private message({ messageId, parent, role, parts, kind }: JsonObject, place: string): void {
    const id = nameIn(messageId);
    if (kind === 'note' || this.nodes.has(id)) return;
    const text = textOfAll(parts, 'type');
    this.hold(text, place);
    const known = typeof parent === 'string' && this.nodes.has(parent) ? parent : null;
    this.nodes.set(id, { kind: 'message', parent: known, role: role === 'user' ? 'user' : 'assistant', text });
  }

  private request({ generationId, messageId }: JsonObject, place: string): void {
    const [id, parent] = [nameIn(generationId), nameIn(messageId)];
    const isOfMessage = this.nodes.get(parent)?.kind === 'message';
    this.findings.unless(isOfMessage, place, `the message ${parent} is not before it`);
    if (!isOfMessage || this.nodes.has(id)) return;
    this.nodes.set(id, { kind: 'reply', parent, isPrompted: false, end: undefined });
  }

  private prompt(data: JsonObject, schema: number, place: string): void {
    const reply = this.replyOf(data.generationId);
    if (reply) reply.isPrompted = true;
    else this.findings.mistake(place, `no request of ${nameIn(data.generationId)} is before it`);
    const body = this.bodyOf(data, schema, place);
    if (body === undefined) return;
    if (body === HIDDEN || isHidden(data.sha256)) {
      this.counts.hiddenPrompts++;
      return;
    }
    this.counts.prompts++;
    if (typeof body === 'string') this.findings.mistake(place, body);
    else {
      const isSame = body.sha256 === data.sha256 && body.bytes === data.bytes;
      this.findings.unless(isSame, place, OTHER_BODY);
    }
  }

  private bodyOf(data: JsonObject, schema: number, place: string): MadeBody | undefined {
    const parts = promptParts(data, schema);
    const format = FORMATS.get(schema === 1 ? openAiChat1.name : nameIn(data.format));
    if (parts === HIDDEN) return HIDDEN;
    if (!format || data.assembler !== ASSEMBLER || !parts.every(isPromptPart)) {
      this.findings.remark(
        place,
        `its format ${nameIn(data.format)}, or what it is made of, is not known to this verifier`,
      );
      return undefined;
    }
    const { nodes, texts, work, crypto } = this;
    return madeBody(format, parts, typeof data.bytes === 'number' ? data.bytes : Number.NaN, {
      sources: { nodes, texts },
      work,
      crypto,
    });
  }

  private end(data: JsonObject, schema: number, place: string): void {
    const id = nameIn(data.generationId);
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
    this.findings.unless(tape.attempt === attempt, place, `its tape ends with the attempt ${nameIn(tape.attempt)}`);
    this.findings.unless(
      tape.deltas === deltas,
      place,
      `its tape has ${tape.deltas} pieces, and it says ${nameIn(deltas)}`,
    );
    const isJoined = tape.content === HIDDEN || text === HIDDEN || tape.content === text;
    this.findings.unless(isJoined, place, 'its answer is not the text of the pieces on its tape');
  }

  private replyOf(id: unknown): ReplyNode | undefined {
    const node = this.nodes.get(nameIn(id));
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
    this.texts.clear();
    this.tapes.clear();
    this.characters = 0;
  }
}

/** A name as recorded. Another value names nothing: it might have no text at all. */
const nameIn = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? `${value}` : 'no name';
