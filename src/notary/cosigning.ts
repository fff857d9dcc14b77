import { cosignedAt } from '../formats/record-1/cosignature.js';
import { base64 } from '../formats/record-1/hashes.js';
import type { Clock } from '../ports/clock.js';
import type { Cosignatures } from '../ports/cosignatures.js';
import { RetryableError } from '../ports/errors.js';
import type { RecordQueries, StoredNote } from '../ports/record.js';
import type { AskedWitness } from '../ports/witness.js';
import { recordLimits } from '../record-limits.js';
import { RecordIncomplete, TreeHashes } from './tree-hashes.js';

export interface CosigningParts {
  readonly record: Pick<RecordQueries, 'lastNote' | 'tile'>;
  readonly cosignatures: Cosignatures;
  readonly witnesses: readonly AskedWitness[];
  /** The origins of the present trees, up to the name of the tenant. */
  readonly originPrefix: () => Promise<string>;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** Logs a line for operators: names and reasons, never texts of users. */
  readonly warn: (facts: object, message: string) => void;
}

/** A witness does not cosign the tree of a tenant. */
class NotCosigned extends Error {}

/** What one witness does, as this process sees it. */
class WitnessRecord {
  /** Since it is away although a tree waits for it. */
  awaySinceMs: number | undefined;
  /** Trees that it refuses, and when it is asked again. */
  readonly refused = new Map<string, { readonly reason: string; readonly untilMs: number }>();

  constructor(readonly witness: AskedWitness) {}

  /** Without the key. */
  get name(): string {
    return this.witness.verifierKey.split('+', 1).join();
  }
}

/**
 * Asks each witness for cosignatures of the last notes, behind the signer: a witness that is away or slow delays neither it nor
 * another witness.
 */
export class Cosigning {
  private readonly witnesses: readonly WitnessRecord[];

  constructor(private readonly parts: CosigningParts) {
    this.witnesses = parts.witnesses.map((witness) => new WitnessRecord(witness));
  }

  /** By the names of the witnesses, how long each has been away while a tree waits for it. */
  get awaySeconds(): ReadonlyMap<string, number> {
    const nowMs = this.parts.clock.monotonic();
    return new Map(
      this.witnesses.map(({ name, awaySinceMs }) => [
        name,
        awaySinceMs === undefined ? 0 : (nowMs - awaySinceMs) / 1_000,
      ]),
    );
  }

  /** By the names of the witnesses, how many trees each refuses. */
  get refusals(): ReadonlyMap<string, number> {
    return new Map(this.witnesses.map(({ name, refused }) => [name, refused.size]));
  }

  async round(over: AbortSignal): Promise<void> {
    const rounds = await Promise.allSettled(this.witnesses.map((record) => this.ask(record, over)));
    for (const each of rounds) if (each.status === 'rejected') throw each.reason;
  }

  private async ask(record: WitnessRecord, over: AbortSignal): Promise<void> {
    const { cosignatures, originPrefix, clock } = this.parts;
    const tenants = await cosignatures.due({
      ...{ witness: record.witness.verifierKey, originPrefix: await originPrefix() },
      cosignedBefore: new Date(clock.now() - recordLimits.cosignEveryMs).toISOString(),
      tenantsMax: recordLimits.cosignTenantsMax,
    });
    for (const tenant of tenants) {
      if (over.aborted) return;
      if ((record.refused.get(tenant)?.untilMs ?? 0) > clock.monotonic()) continue;
      if (!(await this.askFor(record, tenant))) return;
    }
    record.awaySinceMs = undefined;
  }

  /** False if the witness is away: then it is not asked for other trees in this round. */
  private async askFor(record: WitnessRecord, tenant: string): Promise<boolean> {
    const { clock, warn } = this.parts;
    try {
      await this.cosign(record.witness, tenant);
      record.refused.delete(tenant);
    } catch (error) {
      if (error instanceof RecordIncomplete) return true;
      if (error instanceof NotCosigned) {
        const reason = error.message;
        if (record.refused.get(tenant)?.reason !== reason) {
          warn({ tenant, witness: record.name, reason }, 'a witness does not cosign the tree of a tenant');
        }
        record.refused.set(tenant, { reason, untilMs: clock.monotonic() + recordLimits.cosignEveryMs });
      } else if (error instanceof RetryableError) {
        record.awaySinceMs ??= clock.monotonic();
        return false;
      } else throw error;
    }
    record.awaySinceMs = undefined;
    return true;
  }

  private async cosign(witness: AskedWitness, tenant: string): Promise<void> {
    const { record, cosignatures } = this.parts;
    const note = await record.lastNote(tenant);
    if (!note) return;
    const origin = note.note.split('\n', 1).join();
    const known = (await cosignatures.lastSize(origin, witness.verifierKey)) ?? 0;
    const first = await this.request(witness, note, Math.min(known, note.size));
    // It may have cosigned a tree of which this database does not know.
    const reply =
      first.is === 'at' && first.size <= note.size && first.size !== known
        ? await this.request(witness, note, first.size)
        : first;
    if (reply.is === 'refused') throw new NotCosigned(`it answers with ${reply.status}`);
    if (reply.is === 'at') {
      throw new NotCosigned(
        `it has cosigned a tree of ${reply.size} entries, and not the one of ${note.size} that is signed`,
      );
    }
    const line = validLine(note.note, reply.lines, witness.verifierKey);
    if (line === undefined) throw new NotCosigned('its answer has no valid cosignature');
    const at = new Date(this.parts.clock.now()).toISOString();
    const { size } = note;
    await cosignatures.add({ tenant, origin, size, note: note.note, witness: witness.verifierKey, line, at });
  }

  private async request(witness: AskedWitness, { tenant, size, note }: StoredNote, old: number) {
    const hashes = new TreeHashes(this.parts.record, tenant);
    const proof = old > 0 && old < size ? await hashes.consistency(old, size) : [];
    return witness.add(`old ${old}\n${proof.map((hash) => `${base64(hash)}\n`).join('')}\n${note}`);
  }
}

/** A witness may answer with lines of several keys. */
function validLine(note: string, lines: string, verifierKey: string): string | undefined {
  const each = lines.split('\n').map((line) => `${line}\n`);
  return each.find((line) => cosignedAt(textOnly(note) + line, verifierKey) !== undefined);
}

/** So that a line that the note has already does not make another line valid. */
const textOnly = (note: string): string => note.slice(0, note.indexOf('\n\n') + 2);
