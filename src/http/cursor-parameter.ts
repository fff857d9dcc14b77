import { type Cursor, parseCursor } from '../sse/cursor.js';
import type { FieldError } from './invalid-request.js';

/** The parameter or header is not a cursor. */
export class InvalidCursor extends Error {
  constructor(
    /** The parameter or header. */
    readonly path: string,
  ) {
    super(`${path} is not a cursor`);
  }

  get mistake(): FieldError {
    return { path: this.path, message: 'is not a cursor' };
  }
}

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
