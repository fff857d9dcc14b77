import type { Codec, TypedEvent } from '../events/codec.js';
import { decodeOrFail, type EventLog } from '../ports/event-log.js';
import { passes } from '../ports/log-rules.js';
import type { RowChange } from '../ports/read-models/read-models.js';
import type { Projection } from './projection.js';
import { WorkingRows } from './working-rows.js';

interface Sources {
  readonly log: EventLog;
  readonly codec: Codec;
}

/**
 * The rows of one conversation, from all events that its streams have now. Some events may be ahead of the lane: when it
 * applies them again, they change nothing.
 */
export async function replayed(
  stream: string,
  projection: Projection,
  sources: Sources,
): Promise<readonly RowChange[]> {
  const rows = new WorkingRows(
    { load: async () => [] },
    { projection: projection.name, build: 0 },
    projection.tables,
    true,
  );
  const open = new Set<string>();
  for await (const event of eventsOf(stream, projection, sources)) {
    projection.apply(rows, event);
    if (event.type === 'GenerationRequested') open.add(event.data.generationId);
    if (event.type === 'GenerationFinalized') open.delete(event.data.generationId);
  }
  // The end of a generation has all that its tape would add.
  for (const generation of open) {
    for await (const event of eventsOf(`generation-${generation}`, projection, sources)) projection.apply(rows, event);
  }
  return rows.changes();
}

async function* eventsOf(stream: string, { filter }: Projection, { log, codec }: Sources): AsyncIterable<TypedEvent> {
  for await (const page of log.readStream(stream)) {
    const wanted = page.filter((recorded) => passes(recorded, filter));
    for (const event of await decodeOrFail(codec, wanted)) yield event;
  }
}
