/*
 * Rules about texts as patterns of JSON Schema, for the API document. The validators of the fields check more than a
 * pattern can express: bytes, and halves of surrogate pairs.
 */

/** A text without NUL. */
export const TEXT = '^[^\\u0000]*$';
/** A text without NUL and with at least one character that is not blank. */
export const TEXT_WITH_WORDS = '^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$';
/** Visible characters without spaces. */
export const VISIBLE = '^[^\\s\\u0000-\\u001f\\u007f-\\u009f]+$';
/** A cursor of a conversation. */
export const CURSOR = '^(0|[1-9][0-9]{0,9}):(0|[1-9][0-9]{0,9})$';
/** A conversation and a cursor of it. */
export const CURSOR_OF = '^[^@]+@(0|[1-9][0-9]{0,9}):(0|[1-9][0-9]{0,9})$';
