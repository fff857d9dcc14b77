import { createHash } from 'node:crypto';
import { coveredBy, type Look, looked } from '../domain/access.js';
import { RetryableError } from '../ports/errors.js';
import { recordLimits } from '../record-limits.js';
import { AccessWriter, type AccessWriterParts, type Onlooker, type TrailPlace } from './access-writer.js';

interface Cover {
  readonly untilMs: number;
  readonly recorded: Promise<void>;
}

export type LooksParts = Omit<AccessWriterParts, 'writer'>;

/**
 * Records looks at data of others before their answers leave. One record covers the equal looks of an actor for a minute.
 * Looks that wait at the same time share an append, so a look costs at most one flush of its own.
 */
export class Looks {
  /** By actor and look, the oldest first. */
  private readonly covers = new Map<string, Cover>();
  /** By tenant, the one that was used last comes last. */
  private readonly writers = new Map<string, AccessWriter>();
  private readonly writer: string;
  private waitingBytes = 0;

  constructor(private readonly parts: LooksParts) {
    this.writer = parts.ids.random().replaceAll('-', '');
  }

  /** Resolves when the look is committed. Throws RetryableError if the log cannot take it now: then nothing may be shown. */
  async record(by: Onlooker, look: Look): Promise<void> {
    const now = this.parts.clock.monotonic();
    const key = keyOf(by, look);
    const known = this.covers.get(key);
    if (known && now < known.untilMs) return known.recorded;
    // Counted from before the append: no look is covered for longer than its record says.
    const cover: Cover = { untilMs: now + recordLimits.lookCoverMs, recorded: this.append(by, look) };
    this.cover(key, cover);
    try {
      await cover.recorded;
    } catch (error) {
      if (this.covers.get(key) === cover) this.covers.delete(key);
      throw error;
    }
  }

  /** Where this process has recorded its last look in a tenant. */
  lastIn(tenant: string): TrailPlace | undefined {
    return this.writers.get(tenant)?.last;
  }

  private async append(by: Onlooker, look: Look): Promise<void> {
    const events = looked(look);
    const bytes = events.reduce((sum, { data }) => sum + Buffer.byteLength(JSON.stringify(data)) + ENVELOPE_BYTES, 0);
    if (this.waitingBytes + bytes > recordLimits.waitingLooksBytesMax) throw tooMany();
    this.waitingBytes += bytes;
    try {
      await this.writerOf(by.tenant).append({ by, events, bytes });
    } finally {
      this.waitingBytes -= bytes;
    }
  }

  private cover(key: string, cover: Cover): void {
    this.covers.delete(key);
    this.covers.set(key, cover);
    const [oldest] = this.covers.keys();
    if (this.covers.size > recordLimits.coveredLooksMax && oldest !== undefined) this.covers.delete(oldest);
  }

  private writerOf(tenant: string): AccessWriter {
    const known = this.writers.get(tenant);
    if (!known && this.writers.size >= recordLimits.accessStreamsMax) this.forgetIdle();
    const writer = known ?? new AccessWriter(tenant, { ...this.parts, writer: this.writer });
    this.writers.delete(tenant);
    this.writers.set(tenant, writer);
    return writer;
  }

  /** A later writer of the same tenant finds the end of the stream by a conflict. */
  private forgetIdle(): void {
    for (const [tenant, writer] of this.writers) {
      if (!writer.isIdle) continue;
      this.writers.delete(tenant);
      return;
    }
  }
}

/** About the metadata of an event and its overhead. */
const ENVELOPE_BYTES = 1_024;

const tooMany = () => new RetryableError('too many looks wait for the log', { retryAfterMs: 1_000 });

/** A hash, because filters are as long as a request allows. */
const keyOf = ({ tenant, actor }: Onlooker, look: Look): string =>
  createHash('sha256')
    .update(JSON.stringify([tenant, actor.kind, actor.id, coveredBy(look)]))
    .digest('base64');
