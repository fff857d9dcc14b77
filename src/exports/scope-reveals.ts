import type { RecordedEvent } from '../events/envelope.js';
import { contentOf } from '../formats/record-1/content.js';
import { pointerOf, revealLine } from '../formats/value-1/protected-value.js';
import type { FoundKey, KeyMissing, ValueKeys } from '../ports/value-keys.js';

type Root = 'data' | 'meta';

/** An event with its protected values, by their places in the order of its line in a bag. */
interface ProtectedEvent {
  readonly event: RecordedEvent;
  readonly keyId: string;
  readonly values: readonly { readonly pointer: string; readonly stored: unknown }[];
}

/**
 * The lines that reveal the protected values of events, in their order, page by page. A value whose key is destroyed has none.
 * Throws KeyMissing for a key that is missing without having been destroyed: a bag must not look as if its text were erased.
 */
export async function* scopeReveals(
  keys: Pick<ValueKeys, 'find'>,
  pages: AsyncIterable<readonly RecordedEvent[]>,
): AsyncGenerator<readonly string[]> {
  for await (const page of pages) {
    const events = page.map(protectedEvent).filter((each) => each !== undefined);
    if (events.length === 0) continue;
    const found = await keys.find(events.map(({ keyId }) => keyId));
    yield events.flatMap((each) => linesOf(each, found.get(each.keyId)));
  }
}

function linesOf({ event, values }: ProtectedEvent, found: FoundKey | undefined): string[] {
  switch (found?.is) {
    case 'living':
      return values.map(({ pointer, stored }) =>
        revealLine(found.key, { event, revision: event.revision, pointer }, stored),
      );
    case 'missing':
      throw found.error satisfies KeyMissing;
    case 'destroyed':
      return [];
    case undefined:
      throw new Error('the keyring has no answer for a key');
    default:
      return found satisfies never;
  }
}

/** Undefined for an event that the record has by its raw texts, or without protected values. */
function protectedEvent(event: RecordedEvent): ProtectedEvent | undefined {
  const { content, meta } = contentOf(event);
  if ('raw' in content) return undefined;
  const roots = [
    ['data', JSON.parse(event.data)],
    ['meta', JSON.parse(event.meta)],
  ] as const;
  const values = roots.flatMap(([root, stored]) => valuesIn(stored, root, []));
  return values.length === 0 ? undefined : { event, keyId: String(meta.key), values };
}

/** In the order of RFC 8785: that of the line. */
function valuesIn(value: unknown, root: Root, path: readonly (string | number)[]): ProtectedEvent['values'] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item, nth) => valuesIn(item, root, [...path, nth]));
  if (Object.hasOwn(value, '$p')) return [{ pointer: pointerOf(root, path), stored: value }];
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return members.flatMap(([name, member]) => valuesIn(member, root, [...path, name]));
}
