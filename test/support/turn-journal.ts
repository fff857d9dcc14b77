/** What a client asked for. Texts must be unique to their key, so that each can be found in the log again. */
export type Asked =
  | { readonly what: 'start' }
  | { readonly what: 'send'; readonly content: string; readonly whenBusy?: 'enqueue' | 'interrupt' }
  | { readonly what: 'regenerate'; readonly generation: string; readonly seed: number }
  | { readonly what: 'cancel'; readonly generation: string };

/** An answer that a client got, whole. */
export interface Acknowledgement {
  readonly key: string;
  readonly asked: Asked;
  readonly conversation: string;
  readonly status: number;
  readonly answer: Answer;
}

export interface Answer {
  readonly id?: string;
  readonly messageId?: string;
  readonly generationId?: string;
  readonly promptSha256?: string | null;
  readonly status?: string;
  readonly cursor?: string;
}

/** One event of a feed, as it was on the wire. */
export interface Shown {
  readonly id: string;
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server said, for the checker to judge
  readonly data: any;
}

/** Everything that one client of a feed was shown, across all of its connections. */
export interface FeedRecord {
  readonly client: string;
  readonly conversation: string;
  readonly shown: Shown[];
  connections: number;
  /** It was followed until nothing more could come. */
  isComplete: boolean;
}

/** The answers and events that clients got, to be compared with the log. */
export class TurnJournal {
  readonly acknowledged: Acknowledgement[] = [];
  readonly feeds: FeedRecord[] = [];

  feed(client: string, conversation: string): FeedRecord {
    const record: FeedRecord = { client, conversation, shown: [], connections: 0, isComplete: false };
    this.feeds.push(record);
    return record;
  }
}
