import { base64, base64Bytes, HASH_BYTES, joined, utf8, type VerifierCrypto } from './bytes.js';
import { canonicalText, formIfAny, isObject, parsedJson } from './canonical-json.js';
import { type EventText, withValues } from './event-text.js';
import type { Findings } from './findings.js';
import type { Lines } from './lines.js';

interface RevealLine {
  readonly p: string;
  readonly rev: number;
  readonly salt: Uint8Array;
  readonly stream: string;
  readonly value: unknown;
}

const DOMAIN = 'verbatim/commit/1\n';
const MEMBERS = ['p', 'rev', 'salt', 'stream', 'value'];

/** Reads `reveals.jsonl` beside the events, and compares each value with its commitment. It needs no key. */
export class Reveals {
  revealed = 0;
  unrevealed = 0;
  /** Whether the values under a key are revealed. */
  private readonly keys = new Map<string, boolean>();

  constructor(
    private readonly lines: Lines,
    private readonly crypto: VerifierCrypto,
    private readonly findings: Findings,
  ) {}

  /** The data of the event with its revealed values. */
  async dataOf(event: EventText, place: string): Promise<unknown> {
    const { commitments, data } = event;
    const values = new Map<string, unknown>();
    for (const { pointer, c } of commitments) {
      const line = await this.lineFor(event);
      if (line?.p !== pointer) continue;
      this.lines.skip();
      values.set(pointer, line.value);
      const t = utf8(canonicalText(line.value));
      const commitment = base64(this.crypto.sha256(joined(utf8(DOMAIN), line.salt, t)));
      this.findings.unless(commitment === c, place, `the revealed value at ${pointer} does not have its commitment`);
    }
    for (let line = await this.lineFor(event); line !== undefined; line = await this.lineFor(event)) {
      this.lines.skip();
      this.findings.mistake(place, `a line of ${this.lines.path} names ${line.p}, which is no value of it there`);
    }
    this.revealed += values.size;
    this.unrevealed += commitments.length - values.size;
    if (commitments.length > 0) this.requireAllOrNone(event, values.size, place);
    return commitments.length > 0 ? withValues(data, 'data', values) : data;
  }

  /** After the last event. */
  async finish(): Promise<void> {
    if ((await this.lines.peek()) === undefined) return;
    this.findings.mistake(`line ${this.lines.number} of ${this.lines.path}`, 'belongs to no value, or is out of order');
  }

  /** The next line, if it is of this event. */
  private async lineFor({ stream, rev }: EventText): Promise<RevealLine | undefined> {
    for (;;) {
      const text = await this.lines.peek();
      if (text === undefined) return undefined;
      const line = revealLine(text);
      if (typeof line === 'object') return line.stream === stream && line.rev === rev ? line : undefined;
      this.findings.mistake(`line ${this.lines.number} of ${this.lines.path}`, line);
      this.lines.skip();
    }
  }

  private requireAllOrNone({ meta, stream, commitments }: EventText, revealed: number, place: string): void {
    const key = typeof meta.key === 'string' ? meta.key : stream;
    const before = this.keys.get(key) ?? revealed > 0;
    this.keys.set(key, before);
    const isAll = revealed === commitments.length;
    this.findings.unless(
      before ? isAll : revealed === 0,
      place,
      `of the values under the key ${key} some are revealed and others are not`,
    );
  }
}

function revealLine(text: string): RevealLine | string {
  const value = parsedJson(text);
  if (!isObject(value) || formIfAny(canonicalText, value) !== text) return 'is not the JCS form of an object';
  const { p, rev, stream } = value;
  const salt = base64Bytes(value.salt, HASH_BYTES);
  const isWhole = Object.keys(value).length === MEMBERS.length && MEMBERS.every((name) => name in value);
  if (!isWhole || typeof p !== 'string' || typeof stream !== 'string' || !Number.isSafeInteger(rev) || !salt) {
    return 'has other members than the format says';
  }
  return { p, rev: rev as number, salt, stream, value: value.value };
}
