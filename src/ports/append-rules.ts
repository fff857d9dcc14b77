import type { NewEvent } from '../events/envelope.js';
import { limits } from '../limits.js';
import { TerminalError } from './errors.js';
import type { ExpectedRevision } from './event-log.js';

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
const EVENT_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TYPE = /^[A-Za-z][A-Za-z0-9]*$/;
const TENANT = /^[A-Za-z0-9_-]+$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A category and an id, in characters that every engine, key and file name can hold. */
export function checkStreamName(stream: string): void {
  if (stream.length > limits.streamNameCharactersMax || !STREAM_NAME.test(stream)) {
    const shown = JSON.stringify(stream.slice(0, 60));
    throw new InvalidStreamName(`stream name ${shown}: expected <category>-<id> of letters, digits, "_" and "-"`);
  }
}

export function categoryOf(stream: string): string {
  return stream.slice(0, stream.indexOf('-'));
}

/** Refuses what no log may take, so that every engine refuses the same; answers with the size in bytes. */
export function checkAppend(stream: string, expected: ExpectedRevision, events: readonly NewEvent[]): number {
  checkStreamName(stream);
  checkExpectedRevision(stream, expected, events.length);
  if (events.length === 0) throw new InvalidAppend('no-events', `append to ${stream}: no events`);
  if (events.length > limits.appendEventsMax) {
    const size = `${events.length} events, at most ${limits.appendEventsMax}`;
    throw new InvalidAppend('too-many-events', `append to ${stream}: ${size}`);
  }
  if (events.length > 1 && new Set(events.map((event) => event.id)).size < events.length) {
    throw new InvalidAppend('repeated-id', `append to ${stream}: an event id stands in it twice`);
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

/** Engines store these in columns and headers of their own, and each would refuse or bend something else. */
function checkEnvelope(stream: string, { id, type, schema, tenant, at }: NewEvent): void {
  const wrong =
    (!EVENT_ID.test(id) && 'id: expected a UUID in lower case') ||
    (!TYPE.test(type) && 'type: expected letters and digits') ||
    (!(Number.isInteger(schema) && schema >= 1) && 'schema: expected a positive integer') ||
    (!TENANT.test(tenant) && 'tenant: expected letters, digits, "_" and "-"') ||
    (!(TIME.test(at) && Date.parse(at) >= 0) && 'at: expected a UTC time with milliseconds');
  if (wrong) throw new InvalidAppend('invalid-envelope', `append to ${stream}: ${wrong}`);
}

function sizeBytes(event: NewEvent): number {
  return Buffer.byteLength(event.data) + Buffer.byteLength(event.meta) + limits.appendOverheadPerEventBytes;
}
