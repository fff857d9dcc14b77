import { base64, utf8, type VerifierCrypto } from './bytes.js';
import {
  type EntryLine,
  type EventEntry,
  generationOf,
  isOfConversation,
  linksOf,
  placeOf,
  type TapeEntry,
} from './entry.js';
import { type EventText, eventText } from './event-text.js';
import type { Findings } from './findings.js';
import type { Lines } from './lines.js';
import type { PromptWork } from './prompt-body.js';
import type { Reveals } from './reveals.js';
import { TapeEvents } from './tape.js';
import { ConversationTurns, type TurnCounts } from './turns.js';

/** Reads `texts.jsonl` beside the entries, and compares each text with what its entry commits to. */
export class EntryTexts {
  readonly counts: TurnCounts = { answers: 0, prompts: 0, hiddenPrompts: 0 };
  lines = 0;
  private turns: ConversationTurns | undefined;
  private before: EventText | undefined;

  constructor(
    private readonly texts: Lines,
    private readonly reveals: Reveals,
    private readonly crypto: VerifierCrypto,
    private readonly findings: Findings,
    private readonly work: PromptWork,
  ) {}

  async read({ entry }: EntryLine, isFirstOfChain: boolean): Promise<void> {
    const { crypto, findings, counts, work } = this;
    if (isFirstOfChain)
      this.turns = isOfConversation(entry.chain) ? new ConversationTurns(crypto, findings, counts, work) : undefined;
    const place = placeOf(entry);
    if (entry.kind === 'tape') await this.readTape(entry, place);
    else await this.readEvent(entry, place);
  }

  /** After the last entry. */
  async finish(): Promise<void> {
    if ((await this.texts.peek()) === undefined) return;
    this.findings.mistake(`line ${this.texts.number} of ${this.texts.path}`, 'belongs to no entry');
  }

  private async readEvent(entry: EventEntry, place: string): Promise<void> {
    const event = await this.next(entry.stream, entry.rev, place);
    if (!event) return;
    this.compareEnvelope(event, entry, place);
    const isBody = base64(this.crypto.sha256(utf8(event.body))) === entry.body;
    this.findings.unless(isBody, place, 'its text is not what the entry commits to');
    const { id, type, schema } = event;
    this.turns?.event({ id, type, schema, data: await this.reveals.dataOf(event, place) }, place);
  }

  private async readTape(entry: TapeEntry, place: string): Promise<void> {
    const tape = new TapeEvents(this.crypto, this.turns?.charactersLeft ?? 0);
    let seal: EventText | undefined;
    for (let rev = 0; rev <= entry.rev; rev++) {
      const event = await this.next(entry.stream, rev, place);
      if (!event) return;
      seal = event;
      tape.add(event, await this.reveals.dataOf(event, `event ${rev} of ${entry.stream}`));
    }
    if (seal) this.compareEnvelope(seal, entry, place);
    tape.compare(entry, place, this.findings);
    this.turns?.tape(generationOf(entry.stream), tape.summary(), place);
  }

  private compareEnvelope(event: EventText, entry: EventEntry | TapeEntry, place: string): void {
    const isSame = event.at === entry.at && event.id === entry.id && event.schema === entry.schema;
    this.findings.unless(isSame && event.type === entry.type, place, 'its text is of another event');
    const { chain, owner } = linksOf(event.meta, event.stream);
    this.findings.unless(chain === entry.chain, place, `its text belongs to the chain ${chain}`);
    this.findings.unless(owner === entry.owner, place, `its text names the owner ${owner}`);
  }

  /** The text of this event, if it comes next. */
  private async next(stream: string, rev: number, place: string): Promise<EventText | undefined> {
    for (;;) {
      const line = await this.texts.peek();
      const read = line === undefined ? undefined : eventText(line, this.crypto);
      if (read === undefined || (typeof read === 'object' && !isOf(read, stream, rev) && !this.isBefore(read))) {
        const found = read ? `event ${read.rev} of ${read.stream}` : 'nothing';
        this.findings.mistake(place, `${this.texts.path} has ${found} in the place of event ${rev} of ${stream}`);
        return undefined;
      }
      const number = this.texts.number;
      this.texts.skip();
      this.lines++;
      if (typeof read === 'object' && isOf(read, stream, rev)) {
        this.before = read;
        return read;
      }
      const why = typeof read === 'string' ? read : `has event ${read.rev} of ${read.stream} again`;
      this.findings.mistake(`line ${number} of ${this.texts.path}`, why);
    }
  }

  private isBefore({ stream, rev }: EventText): boolean {
    return this.before !== undefined && isOf(this.before, stream, rev);
  }
}

const isOf = (event: EventText, stream: string, rev: number): boolean => event.stream === stream && event.rev === rev;
