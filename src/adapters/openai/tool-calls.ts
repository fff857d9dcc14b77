import { limits } from '../../limits.js';
import { jsonWithin, type ModelOutput, type ToolStart } from '../../ports/language-model.js';
import { bounded, isRecord } from './failures.js';
import { isGiven, isNumber, isText, ofAnyType, unreadFields, unreadPiece } from './unread-fields.js';

const NONE: readonly ModelOutput[] = [];

/** Reads the tool calls of a delta: the called tool, and its arguments as they come. Calls no tool. */
export function toolPieces({ tool_calls, function_call }: Record<string, unknown>): readonly ModelOutput[] {
  if (!isGiven(tool_calls) && !isGiven(function_call)) return NONE;
  const calls = Array.isArray(tool_calls) ? tool_calls : isGiven(tool_calls) ? [tool_calls] : [];
  return [...calls.flatMap(piecesOf), ...olderPieces(function_call)];
}

/** The older form, with at most one call in an answer. */
function olderPieces(call: unknown): readonly ModelOutput[] {
  if (!isGiven(call)) return NONE;
  if (!isRecord(call)) return [unreadPiece({ delta: { function_call: call } })];
  const unread = unreadOf(call);
  return [pieceOf({}, call, 0), ...(unread ? [unreadPiece({ delta: { function_call: unread } })] : NONE)];
}

function piecesOf(call: unknown, place: number): readonly ModelOutput[] {
  const form = isRecord(call) && isGiven(call.function) ? 'function' : 'custom';
  const said = isRecord(call) ? call[form] : undefined;
  if (!isRecord(call) || !isRecord(said)) return [unreadPiece({ delta: { tool_calls: [call] } })];
  const index = typeof call.index === 'number' ? call.index : place;
  const ofCall = unreadFields(call, { [form]: ofAnyType, index: isNumber, id: isText, type: isText });
  const ofSaid = unreadOf(said);
  const unread = (ofCall || ofSaid) && { index, ...ofCall, ...(ofSaid && { [form]: ofSaid }) };
  return [pieceOf(call, said, index), ...(unread ? [unreadPiece({ delta: { tool_calls: [unread] } })] : NONE)];
}

function pieceOf(call: Record<string, unknown>, said: Record<string, unknown>, index: number): ModelOutput {
  const tool = startOf(call, said);
  return {
    type: 'text',
    channel: 'tool',
    text: textOf(said[textField(said)]) ?? '',
    call: index,
    ...(tool && { tool }),
  };
}

function unreadOf(said: Record<string, unknown>): Record<string, unknown> | undefined {
  return unreadFields(said, { [textField(said)]: (value) => textOf(value) !== undefined, name: isText });
}

const textField = (said: Record<string, unknown>) => (isGiven(said.arguments) ? 'arguments' : 'input');

/** Some servers send all arguments at once as an object. Undefined if it is too large. */
function textOf(value: unknown): string | undefined {
  if (!isGiven(value)) return '';
  return typeof value === 'string' ? value : jsonWithin(value, limits.unreadFieldsBytesMax);
}

/** The called tool comes once, with the first piece of a call. */
function startOf({ id, type }: Record<string, unknown>, { name }: Record<string, unknown>): ToolStart | undefined {
  const start = {
    ...(isName(id) && { id: bounded(id) }),
    ...(isName(name) && { name: bounded(name) }),
    ...(isName(type) && { type: bounded(type) }),
  };
  return start.id !== undefined || start.name !== undefined ? start : undefined;
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';
