import { TerminalError } from '../ports/errors.js';

/**
 * How many events of a conversation's ledger, and of the open generation's tape, a client has seen. One generation is
 * open at a time, so the pair is exact.
 */
export interface Cursor {
  readonly ledger: number;
  /** Back to 0 once the generation is finalized. */
  readonly tape: number;
}

const CURSOR = /^(0|[1-9]\d{0,9}):(0|[1-9]\d{0,9})$/;

export function parseCursor(text: string): Cursor | undefined {
  const [, ledger, tape] = CURSOR.exec(text) ?? [];
  return ledger !== undefined && tape !== undefined ? { ledger: Number(ledger), tape: Number(tape) } : undefined;
}

export function formatCursor({ ledger, tape }: Cursor): string {
  return `${ledger}:${tape}`;
}

/** The parameter or header is not a cursor. */
export class InvalidCursor extends Error {
  constructor(
    /** The parameter or header. */
    readonly path: string,
  ) {
    super(`${path} is not a cursor`);
  }

  get mistake(): { readonly path: string; readonly message: string } {
    return { path: this.path, message: 'is not a cursor' };
  }
}

/** The conversation has not reached this cursor. */
export class CursorBeyondEnd extends TerminalError {}

/** A conversation and one of its cursors. */
export interface CursorOf {
  readonly conversation: string;
  readonly place: Cursor;
}

/** Parses `<conversationId>@<cursor>`, a parameter of lists. */
export function cursorOfConversationIn(path: string, text: string | undefined): CursorOf | undefined {
  if (text === undefined) return undefined;
  const [conversation, cursor, ...others] = text.split('@');
  if (!conversation || others.length > 0) throw new InvalidCursor(path);
  return { conversation, place: cursorIn(path, cursor ?? '') };
}

export function cursorIn(path: string, text: string): Cursor;
export function cursorIn(path: string, text: string | undefined): Cursor | undefined;
export function cursorIn(path: string, text: string | undefined): Cursor | undefined {
  if (text === undefined) return undefined;
  const cursor = parseCursor(text);
  if (!cursor) throw new InvalidCursor(path);
  return cursor;
}
