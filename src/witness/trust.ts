import { SIGNS, verifierKeyIn, verifierKeyText } from '../formats/record-1/note-keys.js';

/** The logs that a witness cosigns: origins that begin with a prefix, signed with a key. */
export class Trust {
  private constructor(private readonly entries: readonly TrustEntry[]) {}

  /** `<prefix>=<verifier key>` each. Of the key only its public part counts: each tenant's tree has a name of its own. */
  static in(texts: readonly string[]): Trust | undefined {
    const entries = texts.flatMap((text) => {
      const at = text.indexOf('=');
      const key = at > 0 ? verifierKeyIn(text.slice(at + 1), SIGNS) : undefined;
      return key ? [{ prefix: text.slice(0, at), publicKey: key.publicKey }] : [];
    });
    return entries.length === texts.length ? new Trust(entries) : undefined;
  }

  /** The keys that may sign notes of this origin. Two of them while a log replaces its key. */
  keysOf(origin: string): readonly string[] {
    if (/[\s+]/.test(origin)) return [];
    return this.entries
      .filter(({ prefix }) => origin.startsWith(prefix))
      .map(({ publicKey }) => verifierKeyText(origin, SIGNS, publicKey));
  }
}

interface TrustEntry {
  readonly prefix: string;
  readonly publicKey: Buffer;
}
