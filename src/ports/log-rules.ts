import type { NewEvent } from '../events/envelope.js';
import { limits } from '../limits.js';
import { TerminalError } from './errors.js';
import type { AllStreamsFilter, AppendOptions, ExpectedRevision, ReadStreamOptions } from './event-log.js';

export class InvalidStreamName extends TerminalError {}

export type AppendProblem =
  | 'no-events'
  | 'too-many-events'
  | 'too-large'
  | 'revision-out-of-range'
  | 'repeated-id'
  | 'invalid-envelope'
  | 'not-json';

export class InvalidAppend extends TerminalError {
  constructor(
    readonly problem: AppendProblem,
    message: string,
  ) {
    super(message);
  }
}

const STREAM_NAME = /^[a-z]+-[A-Za-z0-9_-]+$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TYPE = /^[A-Za-z][A-Za-z0-9]{0,99}$/;
const TENANT = /^[A-Za-z0-9_-]{1,100}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export const isStreamName = (text: string): boolean =>
  text.length <= limits.streamNameCharactersMax && STREAM_NAME.test(text);

/** A category and an id, in characters that are valid in every engine, key and file name. */
export function checkStreamName(stream: string): void {
  if (!isStreamName(stream)) {
    const shown = JSON.stringify(stream.slice(0, 60));
    throw new InvalidStreamName(`stream name ${shown}: expected <category>-<id> of letters, digits, "_" and "-"`);
  }
}

export function categoryOf(stream: string): string {
  return stream.slice(0, stream.indexOf('-'));
}

/** Checks an append, so that every engine refuses the same ones. Returns its size in bytes. */
export function checkAppend(
  stream: string,
  expected: ExpectedRevision,
  events: readonly NewEvent[],
  { command }: AppendOptions = {},
): number {
  checkStreamName(stream);
  if (command !== undefined && !UUID.test(command)) {
    throw new InvalidAppend('invalid-envelope', `append to ${stream}: command: expected a UUID in lower case`);
  }
  checkExpectedRevision(stream, expected, events.length);
  if (events.length === 0) throw new InvalidAppend('no-events', `append to ${stream}: no events`);
  if (events.length > limits.appendEventsMax) {
    const size = `${events.length} events, at most ${limits.appendEventsMax}`;
    throw new InvalidAppend('too-many-events', `append to ${stream}: ${size}`);
  }
  if (events.length > 1 && new Set(events.map((event) => event.id)).size < events.length) {
    throw new InvalidAppend('repeated-id', `append to ${stream}: two of its events have the same id`);
  }
  for (const event of events) checkEnvelope(stream, event);
  const bytes = events.reduce((sum, event) => sum + sizeBytes(event), 0);
  if (bytes > limits.appendBytesMax) {
    throw new InvalidAppend('too-large', `append to ${stream}: ${bytes} bytes, at most ${limits.appendBytesMax}`);
  }
  return bytes;
}

function checkExpectedRevision(stream: string, expected: ExpectedRevision, count: number): void {
  if (typeof expected === 'string') return;
  const last = expected + count;
  if (!Number.isInteger(expected) || expected < 0 || last > limits.revisionMax) {
    throw new InvalidAppend(
      'revision-out-of-range',
      `append to ${stream}: expected revision ${expected} is out of range`,
    );
  }
}

/** The last valid time: events of one append have the same, and its check costs as much as the rest of an envelope. */
let lastTime: string | undefined;

/** The engines would convert the 30th of February to different days. */
function isTime(at: string): boolean {
  if (at === lastTime) return true;
  const milliseconds = TIME.test(at) ? Date.parse(at) : -1;
  if (!(milliseconds >= 0 && new Date(milliseconds).toISOString() === at)) return false;
  lastTime = at;
  return true;
}

/** Engines store these fields in columns and headers, and would refuse or change different values. */
function checkEnvelope(stream: string, { id, type, schema, tenant, at, data, meta }: NewEvent): void {
  const wrong =
    (!UUID.test(id) && 'id: expected a UUID in lower case') ||
    (!TYPE.test(type) && 'type: expected letters and digits') ||
    (!(Number.isInteger(schema) && schema >= 1 && schema <= limits.schemaVersionMax) &&
      'schema: expected a positive integer') ||
    (!TENANT.test(tenant) && 'tenant: expected letters, digits, "_" and "-"') ||
    (!isTime(at) && 'at: expected a UTC time with milliseconds');
  if (wrong) throw new InvalidAppend('invalid-envelope', `append to ${stream}: ${wrong}`);
  // Half a surrogate pair has no UTF-8 and would be replaced. The codec writes it as an escape.
  if (!data.isWellFormed() || !meta.isWellFormed()) {
    throw new InvalidAppend('not-json', `append to ${stream}: a text has a lone surrogate that is not escaped`);
  }
}

function sizeBytes(event: NewEvent): number {
  return textBytes(event) + limits.appendOverheadPerEventBytes;
}

/** The bytes of an event's texts, which are nearly all of it. */
export function textBytes({ data, meta }: Pick<NewEvent, 'data' | 'meta'>): number {
  return Buffer.byteLength(data) + Buffer.byteLength(meta);
}

export class InvalidRead extends TerminalError {}

/** Refuses arguments that the engines would read in different ways. */
export function checkReadStream(stream: string, { from, eventsMax }: ReadStreamOptions): void {
  checkStreamName(stream);
  for (const [name, value] of Object.entries({ from, eventsMax })) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
      throw new InvalidRead(`read of ${stream}: ${name} is ${value}, expected a whole number from 0 on`);
    }
  }
}

/** Applies a filter to an event, for engines without their own filter. */
export function passes(
  { stream, type }: { readonly stream: string; readonly type: string },
  { categories, withoutTypes }: AllStreamsFilter = {},
): boolean {
  return (categories?.includes(categoryOf(stream)) ?? true) && !withoutTypes?.includes(type);
}
