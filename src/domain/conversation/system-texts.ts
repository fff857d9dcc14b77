import { PersistentMap } from './persistent-map.js';

/** A system text, its event, and the number of ledger events up to it. */
export interface SystemText {
  readonly event: string;
  readonly text: string;
  readonly seen: number;
}

/** The system texts of a kept fold. */
export interface TextsBeneath {
  /** Throws NotLoaded. */
  get(event: string): SystemText | undefined;
}

const none: TextsBeneath = { get: () => undefined };

/** Every system text of a conversation, by the id of its event: those of a kept fold, and over them later ones. */
export class SystemTexts {
  private constructor(
    readonly beneath: TextsBeneath,
    private readonly added: PersistentMap<SystemText>,
  ) {}

  static readonly empty = SystemTexts.over(none);

  static over(beneath: TextsBeneath): SystemTexts {
    return new SystemTexts(beneath, PersistentMap.empty());
  }

  /** Throws NotLoaded for a text of a kept fold that is not loaded. */
  get(event: string): SystemText | undefined {
    return this.added.get(event) ?? this.beneath.get(event);
  }

  with(text: SystemText): SystemTexts {
    return new SystemTexts(this.beneath, this.added.set(text.event, text));
  }

  /** Those that were added since the kept fold, in no particular order. */
  later(): Iterable<SystemText> {
    return this.added.values();
  }
}
