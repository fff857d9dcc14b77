import type { OwnerParts } from '../ownership/sole-owner.js';
import { TerminalError } from '../ports/errors.js';
import {
  KeyMissing,
  type MasterGeneration,
  type MasterKeys,
  type ValueKeyStore,
  type WrappedKey,
} from '../ports/value-keys.js';
import { recordLimits } from '../record-limits.js';
import { beginAfter, type MasterGenerations } from './master-generations.js';

/** The name of its lease, and of the hint that one has begun. */
export const KEY_ROTATION = 'key-rotation';

export interface RotationProgress {
  /** The current generation, and when it began. Null before the first key. */
  readonly generation: number | null;
  readonly beganAt: string | null;
  /** `waiting`: all keys are wrapped again, and only the operator can destroy the master key before. */
  readonly state: 'running' | 'waiting' | 'done';
  readonly keys: { readonly done: number; readonly total: number };
  /** When the last master key before was destroyed: copies of keys from before are unreadable since then. */
  readonly copiesUnreadableAt: string | null;
}

/** Some keys open under no master key, so the one that they name is not destroyed. Their rows must be restored, or destroyed. */
export class KeysNotRewrapped extends TerminalError {}

export interface RotationParts extends Pick<OwnerParts, 'clock' | 'hints'> {
  readonly store: ValueKeyStore;
  readonly keys: MasterKeys;
  /** Opened when they are needed: most looks find that nothing is left to do. */
  open(): Promise<MasterGenerations>;
}

/** There is no newer master key, and only the operator can provide one. */
export class NoNewerMasterKey extends Error {}

/**
 * Replaces the master key: begins the next generation, wraps all living keys again, destroys the master key before. Each step may
 * be repeated, so a rotation continues where a killed process left it: what is left to do is what the store says.
 */
export class MasterRotation {
  constructor(private readonly parts: RotationParts) {}

  /** A rotation that runs is not begun again. Throws NoNewerMasterKey, and MasterKeyMissing if the current one is not at hand. */
  async begin(): Promise<void> {
    const { store, keys, hints } = this.parts;
    // Makes the first generation, if this process is the first one that needs a key.
    await this.parts.open();
    // What this process knows may be older than a rotation that another one has begun.
    const generations = await store.generations();
    const current = generations.find(({ isCurrent }) => isCurrent)?.number ?? 0;
    if (endedIn(generations).length === 0 && !(await beginAfter(current, store, keys))) {
      throw new NoNewerMasterKey(
        `Put a newer master key in front of ${keys.placeOf(current)}, and restart all processes`,
      );
    }
    hints.send(KEY_ROTATION);
  }

  /** Does what is left to do, until `over`. */
  async complete(over: AbortSignal): Promise<void> {
    const { store, keys, clock } = this.parts;
    const ended = endedIn(await store.generations());
    if (ended.length === 0) return;
    const generations = await this.parts.open();
    await generations.reload();
    for (const { number } of ended) await this.rewrapAll(generations, number, over);
    const { before } = await store.count(generations.current);
    if (over.aborted) return;
    if (before > 0) throw new KeysNotRewrapped(`${before} keys open under no master key: restore their rows`);
    for (const { number } of ended) {
      const isGone = await keys.destroy(number);
      if (isGone) await store.destroyed(number, new Date(clock.now()).toISOString());
    }
    await generations.reload();
  }

  async progress(): Promise<RotationProgress> {
    const { store, keys } = this.parts;
    const generations = await store.generations();
    const current = generations.find(({ isCurrent }) => isCurrent);
    const { under, before } = await store.count(current?.number ?? 0);
    const isDone = endedIn(generations).length === 0;
    const isLeftToOperator = before === 0 && keys.isOfOperator;
    const destroyed = generations.map(({ destroyedAt }) => destroyedAt).filter((at) => at !== null);
    return {
      generation: current?.number ?? null,
      beganAt: current?.beganAt ?? null,
      state: isDone ? 'done' : isLeftToOperator ? 'waiting' : 'running',
      keys: { done: under, total: under + before },
      copiesUnreadableAt: isDone ? (destroyed.sort().at(-1) ?? null) : null,
    };
  }

  private async rewrapAll(generations: MasterGenerations, generation: number, over: AbortSignal): Promise<void> {
    const { store } = this.parts;
    for (let after = ''; !over.aborted; ) {
      const page = await store.keysUnder(generation, after, recordLimits.keysRewrappedAtOnceMax);
      const last = page.at(-1);
      if (!last) return;
      await store.rewrap(
        generation,
        page.map((key) => rewrapped(generations, key)).filter((key) => key !== undefined),
      );
      after = last.id;
    }
  }
}

/** Undefined for a key that does not open. It stays as it is, and keeps its master key. */
function rewrapped(generations: MasterGenerations, key: WrappedKey): WrappedKey | undefined {
  try {
    return generations.wrap(key.id, key.tenant, generations.unwrap(key));
  } catch (error) {
    if (!(error instanceof KeyMissing)) throw error;
    return undefined;
  }
}

/** Generations whose master key is not destroyed yet. */
const endedIn = (generations: readonly MasterGeneration[]): readonly MasterGeneration[] =>
  generations.filter(({ isCurrent, destroyedAt }) => !isCurrent && destroyedAt === null);
