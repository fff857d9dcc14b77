import { limits } from '../limits.js';
import type { OwnerParts } from '../ownership/sole-owner.js';
import {
  KeyMissing,
  type MasterGeneration,
  type MasterKeys,
  type ValueKeyStore,
  type WrappedKey,
} from '../ports/value-keys.js';
import { beginAfter, type MasterGenerations } from './master-generations.js';

/** The name of its lease, and of the hint that one has begun. */
export const KEY_ROTATION = 'key-rotation';

export interface RotationProgress {
  /** The current generation, and when it began. */
  readonly generation: number;
  readonly beganAt: string;
  /** `waiting`: all keys are wrapped again, and only the operator can destroy the master key before. */
  readonly state: 'running' | 'waiting' | 'done';
  readonly keys: { readonly done: number; readonly total: number };
  /** When the last master key before was destroyed: copies of keys from before are unreadable since then. */
  readonly copiesUnreadableAt: string | null;
}

/** Some keys open under no master key, so the one that they name is not destroyed. Their rows must be restored, or destroyed. */
export class KeysNotRewrapped extends Error {}

export interface RotationParts extends Pick<OwnerParts, 'clock' | 'hints'> {
  readonly store: ValueKeyStore;
  readonly keys: MasterKeys;
  readonly generations: MasterGenerations;
}

/**
 * Replaces the master key: begins the next generation, wraps all living keys again, destroys the master key before. Each step may
 * be repeated, so a rotation continues where a killed process left it: what is left to do is what the store says.
 */
export class MasterRotation {
  constructor(private readonly parts: RotationParts) {}

  /** False if there is no newer master key, and only the operator can provide one. A rotation that runs is not begun again. */
  async begin(): Promise<boolean> {
    const { store, keys, hints } = this.parts;
    const generations = await store.generations();
    const isDone = endedIn(generations).length === 0;
    if (isDone && !(await beginAfter(currentIn(generations).number, store, keys))) return false;
    hints.send(KEY_ROTATION);
    return true;
  }

  /** Does what is left to do, until `over`. */
  async complete(over: AbortSignal): Promise<void> {
    const { store, keys, generations, clock } = this.parts;
    const ended = endedIn(await store.generations());
    if (ended.length === 0) return;
    await generations.reload();
    for (const { number } of ended) await this.rewrapAll(number, over);
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
    const { number, beganAt } = currentIn(generations);
    const { under, before } = await store.count(number);
    const isDone = endedIn(generations).length === 0;
    const isLeftToOperator = before === 0 && keys.isOfOperator;
    const destroyed = generations.map(({ destroyedAt }) => destroyedAt).filter((at) => at !== null);
    return {
      generation: number,
      beganAt,
      state: isDone ? 'done' : isLeftToOperator ? 'waiting' : 'running',
      keys: { done: under, total: under + before },
      copiesUnreadableAt: isDone ? (destroyed.sort().at(-1) ?? null) : null,
    };
  }

  private async rewrapAll(generation: number, over: AbortSignal): Promise<void> {
    const { store } = this.parts;
    for (let after = ''; !over.aborted; ) {
      const page = await store.keysUnder(generation, after, limits.keysRewrappedAtOnceMax);
      const last = page.at(-1);
      if (!last) return;
      await store.rewrap(
        generation,
        page.map((key) => this.rewrapped(key)).filter((key) => key !== undefined),
      );
      after = last.id;
    }
  }

  /** Undefined for a key that does not open. It stays as it is, and keeps its master key. */
  private rewrapped(key: WrappedKey): WrappedKey | undefined {
    const { generations } = this.parts;
    try {
      return generations.wrap(key.id, key.tenant, generations.unwrap(key));
    } catch (error) {
      if (!(error instanceof KeyMissing)) throw error;
      return undefined;
    }
  }
}

/** Generations whose master key is not destroyed yet. */
const endedIn = (generations: readonly MasterGeneration[]): readonly MasterGeneration[] =>
  generations.filter(({ isCurrent, destroyedAt }) => !isCurrent && destroyedAt === null);

/** There is one since the first start. */
const currentIn = (generations: readonly MasterGeneration[]): MasterGeneration =>
  generations.find(({ isCurrent }) => isCurrent) as MasterGeneration;
