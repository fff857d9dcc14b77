import type { Cosignatures } from '../ports/cosignatures.js';
import type { RecordQueries } from '../ports/record.js';
import { NotRecordedYet } from './record-reader.js';

export interface CosignedNotesParts {
  readonly record: Pick<RecordQueries, 'lastNote'>;
  readonly cosignatures: Pick<Cosignatures, 'lines' | 'lastNote'>;
  /** The keys of the witnesses that are asked. */
  readonly witnesses: readonly string[];
}

/** The notes of a tenant with the cosignatures that they have. */
export class CosignedNotes {
  constructor(private readonly parts: CosignedNotesParts) {}

  get witnesses(): readonly string[] {
    return this.parts.witnesses;
  }

  /** The last note. */
  async last(tenant: string): Promise<string> {
    const { origin, size, note } = await this.signed(tenant);
    return note + (await this.parts.cosignatures.lines(origin, size)).join('');
  }

  /** The last note that a witness has cosigned. */
  async lastCosigned(tenant: string): Promise<string> {
    const { origin } = await this.signed(tenant);
    const note = await this.parts.cosignatures.lastNote(origin);
    if (note === undefined) throw new NotRecordedYet();
    return note;
  }

  private async signed(tenant: string): Promise<{ origin: string; size: number; note: string }> {
    const last = await this.parts.record.lastNote(tenant);
    if (!last) throw new NotRecordedYet();
    return { ...last, origin: last.note.split('\n', 1).join() };
  }
}
