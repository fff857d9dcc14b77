import { jsonWithin } from '../../events/bounded-json.js';
import { limits } from '../../limits.js';
import type { ModelOutput, ToolStart } from '../../ports/language-model.js';
import { bounded, isRecord } from './failures.js';

/** What a delta brings of the calls of tools: who is called, and the arguments as they come. Nothing here calls one. */
export function* toolPieces({ tool_calls, function_call }: Record<string, unknown>): Iterable<ModelOutput> {
  if (tool_calls !== undefined && tool_calls !== null) {
    const calls = Array.isArray(tool_calls) ? tool_calls : [tool_calls];
    for (const [place, call] of calls.entries()) yield* pieceOf(call, place);
  }
  // The older form, of which an answer has one at most.
  if (isRecord(function_call)) yield* pieceOf({ function: function_call }, 0);
}

function* pieceOf(call: unknown, place: number): Iterable<ModelOutput> {
  const said = isRecord(call) ? (call.function ?? call.custom) : undefined;
  if (!isRecord(call) || !isRecord(said)) {
    const json = jsonWithin(call, limits.unreadFieldsBytesMax) ?? '"too large"';
    yield { type: 'text', channel: 'other', text: `{"delta":{"tool_calls":[${json}]}}\n` };
    return;
  }
  const tool = startOf(call, said);
  const index = typeof call.index === 'number' ? call.index : place;
  const text = said.arguments ?? said.input;
  yield {
    type: 'text',
    channel: 'tool',
    // Some servers send arguments as an object, and all of them at once.
    text:
      typeof text === 'string'
        ? text
        : (jsonWithin(text ?? '', limits.unreadFieldsBytesMax)?.replace(/^""$/, '') ?? ''),
    call: index,
    ...(tool && { tool }),
  };
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
