import { randomBytes } from 'node:crypto';
import { BackgroundPart } from '../background/background-part.js';
import { KEY_BYTES, ValueKey } from '../formats/value-1/value-key.js';
import type { BackgroundHealth } from '../ports/background-health.js';
import type { Ids } from '../ports/ids.js';
import type { KeyAtHand, ValueKeyStore } from '../ports/value-keys.js';
import { recordLimits } from '../record-limits.js';
import type { MasterGenerations } from './master-generations.js';

/**
 * Durable keys that nothing uses yet, so that a new conversation pays no flush. The first event of a conversation binds its key:
 * one that was taken and never used is no loss.
 */
export class KeysAtHand {
  private readonly keys: KeyAtHand[] = [];
  private refilling: Promise<void> | undefined;
  private readonly background: BackgroundPart;

  constructor(
    private readonly store: ValueKeyStore,
    private readonly generations: MasterGenerations,
    private readonly ids: Ids,
    health: BackgroundHealth,
  ) {
    this.background = new BackgroundPart('keys at hand', health);
  }

  /** A promise only if none is left. Rejects if the store is away then. */
  take(): KeyAtHand | Promise<KeyAtHand> {
    const key = this.keys.pop();
    if (this.keys.length < recordLimits.valueKeysAtHandMin) void this.background.attempt(() => this.refill());
    return key ?? this.takeRefilled();
  }

  /** Fills up to the bound with one insert. One at a time for all that wait. */
  refill(): Promise<void> {
    this.refilling ??= this.insert().finally(() => {
      this.refilling = undefined;
    });
    return this.refilling;
  }

  private async takeRefilled(): Promise<KeyAtHand> {
    for (;;) {
      await this.refill();
      const key = this.keys.pop();
      if (key) return key;
    }
  }

  private async insert(): Promise<void> {
    const count = recordLimits.valueKeysAtHandMax - this.keys.length;
    const made = Array.from({ length: count }, () => ({ id: this.ids.random(), bytes: randomBytes(KEY_BYTES) }));
    await this.generations.written(() =>
      this.store.insert(made.map(({ id, bytes }) => this.generations.wrap(id, '', bytes))),
    );
    this.keys.push(...made.map(({ id, bytes }) => ({ id, key: new ValueKey(bytes) })));
  }
}
