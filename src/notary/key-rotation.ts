import { type NotePublicKey, openNote } from '../formats/record-1/note.js';
import type { RecordStore } from '../ports/record.js';
import { recordLimits } from '../record-limits.js';

/** Of these tenants, those whose last published note the key has not signed. A tenant without a note needs none. */
export async function notHandedOver(
  record: Pick<RecordStore, 'lastNotes'>,
  key: NotePublicKey,
  tenants: readonly string[],
): Promise<string[]> {
  const left: string[] = [];
  for (let from = 0; from < tenants.length; from += recordLimits.recordNotesAtOnceMax) {
    for (const { tenant, note } of await record.lastNotes(
      tenants.slice(from, from + recordLimits.recordNotesAtOnceMax),
    )) {
      const origin = note.split('\n', 1).join();
      if (!openNote(note, key.verifierKey(origin))) left.push(tenant);
    }
  }
  return left;
}
