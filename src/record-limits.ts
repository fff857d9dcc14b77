/** Every bound of the record, its keys and the access trail, with its reason. The name ends with the unit. */
export const recordLimits = {
  /** A copy of a log appends one group after the other, to keep the order of all streams. A larger group has fewer flushes. */
  copyEventsMax: 500,
  copyBytesMax: 512 * 1024,
  /** A target that is away for half a minute stops the copy. It goes on when the command is repeated. */
  copyTriesMax: 60,
  copyPauseMs: 500,

  /** The pause between two steps of the notary, so between two notes of a tree. Half a second below the promised one. */
  recordPauseMs: 500,
  /** Events in one step of the notary while it is behind, so that its transaction takes a fraction of a second. */
  recordStepEventsMax: 5_000,
  recordStepBytesMax: 16 * 1024 * 1024,
  /** Tapes that the notary follows at once, with some hashes of each. Any other tape is read at its seal. */
  recordOpenTapesMax: 10_000,
  /** Tapes that the notary reads at once. Turns and lists read over the same connections. */
  recordTapesAtOnceMax: 3,
  /** Events of a gap in the log whose streams are looked up. A larger one is a partition that is not attached. */
  logGapMax: 10_000,
  /**
   * Trees that are signed at once. A note waits for two flushes of the disk, so one after the other a hundred tenants with news would
   * wait longer than the promised second. Users read over the same connections.
   */
  recordSignedAtOnceMax: 4,
  /** The time for the notary of a running server to sign every tree with a new key, and the pause between two looks. */
  recordKeyWaitMs: 60_000,
  recordKeyLookMs: 250,
  /** Notes outside the database that a new owner compares at once with their trees. */
  recordNotesAtOnceMax: 500,
  /** Notes without a cosignature are kept for a day. */
  recordNoteKeptMs: 24 * 60 * 60 * 1_000,
  /** A census of each tenant with news once a day. */
  censusEveryMs: 24 * 60 * 60 * 1_000,
  censusLookMs: 60_000,
  /** Tenants in one round. The next round takes the others. */
  censusTenantsMax: 1_000,
  /** Entries that are counted, and chains that are read, in one step: a fraction of a second of the database. */
  censusStepEntries: 2_000,
  /** Chains in one answer: about 150 KB. */
  censusProofChainsMax: 500,
  /** A request to a witness: 63 hashes, and a note with some dozens of signatures. */
  witnessBodyBytesMax: 64 * 1024,
  /** A witness reports refused notes of one kind and origin, or two trees of one size, once in this time. Clients need no key. */
  witnessReportEveryMs: 10 * 60 * 1_000,
  /** Reports that a witness remembers for that time, 200 bytes each. Only notes that a log has signed make one. */
  witnessReportsMax: 10_000,
  /** A witness cosigns each tree with news about every five minutes, and each census at once. */
  cosignEveryMs: 5 * 60 * 1_000,
  cosignLookMs: 5_000,
  /** Trees that a witness is asked for in one round. The longest without a cosignature come first. */
  cosignTenantsMax: 1_000,
  witnessAnswerMs: 5_000,
  /** Trees that are counted as not signed. */
  recordTroublesMax: 1_000,
  /** Keys of values that a process has at hand: a new conversation takes one without a flush. One insert refills them. */
  valueKeysAtHandMax: 64,
  valueKeysAtHandMin: 32,
  /** Opened keys in memory, about half a KB each, and names of users. */
  valueKeyCacheEntriesMax: 10_000,
  /** A process that missed the destruction of a key has it for so long at most. */
  valueKeyCacheMs: 600_000,
  /** A page of the rotation of the master key: 8 ms of CPU, and one flush. */
  keysRewrappedAtOnceMax: 500,
  /** How often the owner looks for a rotation if its hint was lost. The query reads a few rows. */
  keyRotationLookMs: 10_000,
  /** For how long one record of a look covers the next equal ones of the same actor. */
  lookCoverMs: 60_000,
  /** Looks that a process remembers for that time, 200 bytes each. A forgotten one is recorded again. */
  coveredLooksMax: 20_000,
  /** Looks that wait for the log: of a process by their bytes, of one actor by their number, so that others find room. */
  waitingLooksBytesMax: 16 * 1024 * 1024,
  waitingLooksPerActorMax: 1_000,
  /** Tenants whose last stream a process remembers. One that it forgot costs a second append. */
  accessStreamsMax: 5_000,
  purposeCharactersMax: 200,
  /** Looks of one append, and their bytes before protection. One look is at most as long as the headers of a request. */
  looksPerAppendMax: 200,
  looksPerAppendBytesMax: 512 * 1024,
} as const;
