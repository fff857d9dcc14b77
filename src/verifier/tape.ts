import { base64, type VerifierCrypto } from './bytes.js';
import { isObject } from './canonical-json.js';
import type { TapeEntry } from './entry.js';
import { type EventText, isSeal } from './event-text.js';
import type { Findings } from './findings.js';
import { GrowingTree, leafHash } from './merkle.js';
import { HIDDEN, type Revealed, textIn } from './recorded-values.js';

/** What the end of a generation is compared with. */
export interface TapeSummary {
  /** Of the seal. */
  readonly attempt: unknown;
  /** The pieces of this attempt. */
  readonly deltas: number;
  /** The text of its content. */
  readonly content: Revealed<string>;
  /** Whether its texts were too long to join all of them. */
  readonly isCut: boolean;
}

/** The events of one tape, up to its seal. */
export class TapeEvents {
  private readonly tree: GrowingTree;
  private readonly attempts = new Map<unknown, { deltas: number; content: Revealed<string> }>();
  private last: EventText | undefined;
  private sealedAt: number | undefined;
  private attempt: unknown;
  private characters = 0;

  constructor(
    private readonly crypto: VerifierCrypto,
    /** Of its content. What is longer is not joined. */
    private readonly charactersMax: number,
  ) {
    this.tree = new GrowingTree(crypto);
  }

  /** `data` has the revealed values. */
  add(event: EventText, data: unknown): void {
    this.tree.add(leafHash(this.crypto, event.leaf));
    this.last = event;
    if (isSeal(event)) this.sealedAt ??= event.rev;
    if (!isObject(data)) return;
    this.attempt = data.attempt;
    if (event.type !== 'DeltaReceived') return;
    const before = this.attempts.get(data.attempt) ?? { deltas: 0, content: '' };
    const text = data.channel === 'content' ? textIn(data.text) : '';
    if (text !== HIDDEN) this.characters += text.length;
    const content = before.content === HIDDEN || text === HIDDEN ? HIDDEN : before.content + (this.isCut ? '' : text);
    this.attempts.set(data.attempt, { deltas: before.deltas + 1, content });
  }

  summary(): TapeSummary {
    const { deltas, content } = this.attempts.get(this.attempt) ?? { deltas: 0, content: '' };
    return { attempt: this.attempt, deltas, content, isCut: this.isCut };
  }

  private get isCut(): boolean {
    return this.characters > this.charactersMax;
  }

  compare(entry: TapeEntry, place: string, findings: Findings): void {
    const { at, id, schema, type } = this.last ?? {};
    const isSealed = this.sealedAt === entry.rev;
    findings.unless(
      isSealed,
      place,
      `its tape is not sealed by the event ${entry.rev} of ${entry.stream}, and by no other`,
    );
    const isOfSeal = at === entry.at && id === entry.id && schema === entry.schema && type === entry.type;
    findings.unless(isOfSeal, place, 'it is not of the seal of its tape');
    const isWhole = this.tree.size === entry.events && entry.events === entry.rev + 1;
    findings.unless(isWhole, place, `its tape has ${this.tree.size} events`);
    findings.unless(
      base64(this.tree.root()) === entry.root,
      place,
      'an event of its tape is not what the entry commits to',
    );
  }
}
