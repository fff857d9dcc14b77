import { jsonWithin } from '../../events/bounded-json.js';
import { limits } from '../../limits.js';
import type { ModelOutput, ToolStart } from '../../ports/language-model.js';
import { bounded, isRecord } from './failures.js';
import { isGiven, isNumber, isText, ofAnyType, unreadFields, unreadPiece } from './unread-fields.js';

/** What a delta brings of the calls of tools: who is called, and the arguments as they come. Nothing here calls one. */
export function* toolPieces({ tool_calls, function_call }: Record<string, unknown>): Iterable<ModelOutput> {
  if (isGiven(tool_calls)) {
    const calls = Array.isArray(tool_calls) ? tool_calls : [tool_calls];
    for (const [place, call] of calls.entries()) yield* piecesOf(call, place);
  }
  // The older form, of which an answer has one at most.
  if (isRecord(function_call)) {
    yield pieceOf({}, function_call, 0);
    const unread = unreadOf(function_call);
    yield* unreadPiece(unread && { delta: { function_call: unread } });
  } else if (isGiven(function_call)) yield* unreadPiece({ delta: { function_call } });
}

function* piecesOf(call: unknown, place: number): Iterable<ModelOutput> {
  const form = isRecord(call) && isGiven(call.function) ? 'function' : 'custom';
  const said = isRecord(call) ? call[form] : undefined;
  if (!isRecord(call) || !isRecord(said)) return yield* unreadPiece({ delta: { tool_calls: [call] } });
  const index = typeof call.index === 'number' ? call.index : place;
  yield pieceOf(call, said, index);
  const ofCall = unreadFields(call, { [form]: ofAnyType, index: isNumber, id: isText, type: isText });
  const ofSaid = unreadOf(said);
  const unread = (ofCall || ofSaid) && { index, ...ofCall, ...(ofSaid && { [form]: ofSaid }) };
  yield* unreadPiece(unread && { delta: { tool_calls: [unread] } });
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

/** Some servers send arguments as an object, and all of them at once. Nothing when that is too large. */
function textOf(value: unknown): string | undefined {
  if (!isGiven(value)) return '';
  return typeof value === 'string' ? value : jsonWithin(value, limits.unreadFieldsBytesMax);
}

/** Who is called is said once, with the first piece of a call. */
function startOf({ id, type }: Record<string, unknown>, { name }: Record<string, unknown>): ToolStart | undefined {
  const start = {
    ...(isName(id) && { id: bounded(id) }),
    ...(isName(name) && { name: bounded(name) }),
    ...(isName(type) && { type: bounded(type) }),
  };
  return start.id !== undefined || start.name !== undefined ? start : undefined;
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';
