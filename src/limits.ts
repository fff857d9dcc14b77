/** Every bound of the product, its unit last in its name, and why it is what it is. */
export const limits = {
  /** One append is one decision; more events than this is an import, and an import can be split. */
  appendEventsMax: 1_000,
  /** EventStoreDB refuses larger appends by default; the smaller of the two engines sets the contract. */
  appendBytesMax: 1024 * 1024,
  /** What an engine adds to an event on the wire counts against its limit too, and so do its type and its tenant. */
  appendOverheadPerEventBytes: 512,
  schemaVersionMax: 2 ** 31 - 1,
  /** A revision has to be an exact JavaScript number and fit every engine's column. */
  revisionMax: 2 ** 31 - 1,
  streamNameCharactersMax: 200,

  /** One group commit: large enough to share a flush, small enough that its lock is held for milliseconds. */
  commitBatchEventsMax: 2_000,
  commitBatchBytesMax: 4 * 1024 * 1024,
  /** Splitting fewer than this among writers costs more in flushes than it gains. */
  commitShareAppendsMin: 128,
  /** Appends that wait for a database that is away; past either bound a new one fails at once. */
  commitQueueAppendsMax: 20_000,
  commitQueueBytesMax: 64 * 1024 * 1024,
  /** Of both bounds, so that the appends of one tenant, or of one user, do not take the room of all others. */
  commitQueueTenantShare: 1 / 2,
  commitQueueUserShare: 1 / 4,
  /** How long an append may wait for the database before it is answered as unavailable. */
  appendDeadlineMs: 10_000,
  /** A connection that has not answered a batch by then is dropped, and the batch retried elsewhere. */
  commitAnswerMs: 5_000,

  /** Appends of different streams that are on their way to an EventStoreDB at once: it flushes for all of them together. */
  appendsOnWireMax: 512,
  /** Events that a subscription has received and its reader has not taken. Most are small; the largest would fill 256 MB. */
  subscriptionBufferEventsMax: 256,
  /** So many events that its filter leaves out, and a subscription learns that it is past them. */
  checkpointWindowEvents: 1_000,
  /** What a follower of the log has not taken yet of what all followers share; then it reads by itself until it is near. */
  mailboxEventsMax: 5_000,
  mailboxCharactersMax: 8 * 1024 * 1024,
  /** What followers that catch up together may be apart: a step of a read model. */
  catchUpKeptEventsMax: 20_000,
  catchUpKeptCharactersMax: 16 * 1024 * 1024,
  /** One that holds up the others for longer than most steps take reads by itself. */
  catchUpPatienceMs: 5_000,

  /** A page of a read: one round trip, and at most this much memory for each reader. */
  readPageEventsMax: 2_000,
  readPageBytesMax: 8 * 1024 * 1024,
  /** How many events of a ledger are read at once on the way back to the latest prompt. */
  historyStepEvents: 32,
  readAnswerMs: 30_000,
  /** What a process has just appended, kept for its own subscribers. */
  recentEventsMax: 2_000,
  recentBytesMax: 4 * 1024 * 1024,
  readConnectionsMax: 8,
  /** A statement that waits longer for a lock is refused by the server: sooner than a batch is given up (commitAnswerMs). */
  lockWaitMs: 4_000,
  /** A migration gives way sooner: what comes later queues behind a statement that waits, and people would wait with it. */
  migrationLockWaitMs: 2_000,
  migrationPauseMs: 500,
  /** Until then it tries again, for it may take minutes until another program ends its transaction. */
  migrationPatienceMs: 300_000,
  /** Of a statement outside a transaction, beside which reads and writes go on. */
  migrationOutsideLockWaitMs: 60_000,
  /** From one look to the next whether another process still migrates. */
  migrationLookMs: 100,
  /** How often the server looks whether the client of a running statement is still there; if not, it ends the statement. */
  lostClientLookMs: 1_000,

  /** Leases and checkpoints: short queries, few at a time. */
  runtimeConnectionsMax: 4,
  runtimeAnswerMs: 5_000,

  /** Lanes write a step each, and a step may be large. */
  viewConnectionsMax: 5,
  viewAnswerMs: 60_000,
  /** A person waits for a list or a conversation: what takes longer is answered with 503, and costs no more. */
  viewReadConnectionsMax: 6,
  viewReadAnswerMs: 10_000,
  /** Searches wait for each other and for nothing else; the server ends one that takes longer than a person waits. */
  searchConnectionsMax: 2,
  searchAnswerMs: 5_000,

  /** A server that takes a connection and says nothing must not hold a start for ever. */
  connectDeadlineMs: 10_000,
  /** In a cluster, a call without an answer for this long starts a search for the leader. */
  leaderDoubtMs: 1_000,
  /** A node that is asked which one leads, and does not answer by then, is not waited for. */
  gossipAnswerMs: 1_000,
  /** One search, with pauses between its rounds. Calls that wait for a leader end with it, and may begin the next. */
  leaderSearchMs: 5_000,
  leaderSearchPauseMs: 100,
  /** How long a start waits while a cluster elects, and how often it says so. An election takes some 8 s. */
  leaderWaitMs: 60_000,
  leaderWaitNoticeMs: 10_000,
  /** The same of the servers of the log: with what else a start does it stays below ten seconds. */
  logReachMs: 8_000,
  /** A farewell to the database; then its sockets are destroyed, for it may never answer. */
  farewellMs: 2_000,

  /** A poll for the case of lost wake-ups: one tiny query a second for a whole process. */
  headPollMs: 1_000,
  /** From one look to the next, while notifications come all the time: at most less than texts are held to be joined. */
  headLookMs: { first: 1, most: 30 },
  reconnectBackoffMs: { first: 20, most: 1_000 },
  /** From one attempt to make a partition of the log to the next, if it fails. */
  partitionRetryMs: 1_000,
  /** A server that lacks a known event is asked once more after this long, before the log counts as gone back. */
  goneEventLookAgainMs: 500,
  /** Between two looks of a process that starts whether another one still settles what the database was built from. */
  startTurnLookMs: 200,
  /** Between two attempts of background work that fails for another reason than an outage: each one is a line in the log. */
  backgroundBackoffMs: { first: 500, most: 30_000 },

  /** Attempts of a command while other processes change its stream. After them the caller gets a retryable error. */
  transactAttemptsMax: 10,
  /** Within one process they wait for each other: about as many as can be served while their callers still wait. */
  writersWaitingMax: 1_000,
  /** Streams that are kept as they were folded last: about so much memory, and no more of them than are busy at a time. */
  foldsBytesMax: 32 * 1024 * 1024,
  foldsMax: 10_000,
  /** From this weight on a fold takes its memory from a share of its own, so that it pushes out none of the many small ones. */
  largeFoldBytesMin: 2 * 1024 * 1024,
  /** Of those: room for two full conversations, or for one with the longest answers of a full queue. */
  largeFoldsBytesMax: 256 * 1024 * 1024,

  /** A handler that keeps failing is poisoned after this many tries; an outage it reports as such is not counted. */
  handlerAttemptsMax: 6,
  handlerBackoffMs: { first: 50, most: 5_000 },
  /** A checkpoint at least this often while catching up: what a crash makes a handler see again. */
  checkpointEveryEvents: 500,
  /** Else the checkpoint follows at this pace: each one is a flush, and a crash makes a handler see so much again. */
  checkpointMs: 1_000,
  /** Events that one count of a backlog looks at: some 10 ms of a database. Beyond them the count is an estimate. */
  backlogCountMax: 20_000,
  /** Records that EventStoreDB reads for the age of a backlog, to get past a few that are not the product's. */
  backlogAgeRecordsMax: 32,

  /**
   * Of the topic that events are relayed to, for ever: a key that changes its partition loses its order. More consumers than
   * this cannot share the work, and a single broker carries as many with ease.
   */
  relayPartitions: 12,
  /** Of the topic's copies, where there are so many brokers; all but one of them must have an event before it counts. */
  relayReplicasMax: 3,
  /** One send to one partition: less than a broker takes by default, with all that the protocol adds. */
  relaySendEventsMax: 1_000,
  relaySendBytesMax: 900 * 1024,
  relayOverheadPerMessageBytes: 128,
  /** Far behind the log, so many events are sent before the next are: each partition gets few sends, and not many. */
  relayStepEventsMax: 10_000,
  relayStepBytesMax: 8 * 1024 * 1024,
  /** What the topic takes at once: an event as large as any, its headers, and room. */
  relayTopicMessageBytesMax: 2 * 1024 * 1024,
  /** A connection that is not there by then, and a request that is not answered, is tried again elsewhere. */
  relayConnectMs: 3_000,
  relayAnswerMs: 10_000,
  /** How long a broker may wait for its replicas: less than the timeout of the request, so that the answer arrives. */
  relayAcknowledgeMs: 8_000,
  /** What has not come of a send or of a new connection by then, the client's own tries included, is given up. */
  relaySendMs: 45_000,
  relayClientPauseMs: { first: 100, most: 1_000 },
  relayClientTriesMax: 6,
  /** Between two connections while the other side is away. */
  relayBackoffMs: { first: 100, most: 5_000 },
  /** Likewise while the other side refuses: often enough that a repair is noticed within a minute, and locks no account. */
  relayDeniedBackoffMs: { first: 1_000, most: 30_000 },
  /** With a larger lag, readiness reports the relay as behind. */
  relayLagSecondsMax: 30,
  /** What is under way when a process stops may still be acknowledged, and a connection take its leave. */
  relayFarewellMs: 2_000,

  /** Bytes that a provider has sent and the attempt has not taken. Beyond this, its socket is paused. */
  providerQueueBytesMax: 1024 * 1024,
  /** What an answer has brought waits for the next moment at which texts are appended, but not more than this: 50 tokens. */
  providerWaitingBytesMax: 16 * 1024,
  /** What is read of one answer before everything else in the process has its turn: a few milliseconds of work. */
  providerPieceBytesMax: 64 * 1024,
  /** The stream of one answer: of one that is as long as any, some 128 Ki tokens with half a KiB around each. */
  providerStreamBytesMax: 64 * 1024 * 1024,
  /** One event of a provider's stream. An answer is at most 512 KiB, and as escaped JSON up to six times as long. */
  providerEventBytesMax: 4 * 1024 * 1024,
  /** What is read of an answer that is no stream, to learn what went wrong; and what is kept of its words. */
  providerErrorBytesMax: 64 * 1024,
  providerWordsCharactersMax: 2_000,
  /** A provider that has said its last word may take this long to close the answer, so that its connection can serve again. */
  providerTailMs: 1_000,

  /** A message has at most 256 KiB of text; escaped and with everything around it, its request fits. */
  requestBodyBytesMax: 1024 * 1024,
  /** A request that has not arrived by then is given up: slow senders must not hold connections. */
  requestTimeoutMs: 30_000,
  /** No request of the API nests deeper than a few levels. Deeper JSON is an attack on recursive code. */
  jsonDepthMax: 64,
  /** Fields and list items of one body. Validation takes up to a tenth of a millisecond for each that it does not know. */
  jsonValuesMax: 500,
  /** An answer lists at most this many mistakes, each in a bounded text, so that it is not larger than its request. */
  problemErrorsMax: 100,
  problemPathCharactersMax: 200,
  /** What a process knows of its stores is asked in the background, this long after the last answer. */
  surveyPauseMs: 1_000,
  /** An answer that takes longer counts as none: a store that hangs is as good as away. */
  surveyAnswerMs: 2_000,
  /** How often a start looks whether each survey has its first answer. */
  surveyLookMs: 5,
  /** How often the file of the log level is read, and how much of it: each level is one short word. */
  logLevelLookMs: 2_000,
  logLevelBytesMax: 64,
  /** Of models and of currencies that are counted by name; the others are counted together. */
  countedNamesMax: 50,
  /** Longer than any id, so that an unknown one is not found rather than too long. */
  pathParameterCharactersMax: 1_000,
  /** Of a tenant, a user, a key, a provider or a model. */
  nameCharactersMax: 200,
  /** More than any list shows. */
  titleCharactersMax: 500,
  /** Far beyond any model, and it fits every engine's column. */
  tokenBudgetMax: 2 ** 31 - 1,
  /** Room for any id that a client makes up, and for no text. */
  idempotencyKeyCharactersMax: 200,
  /** How long a lookup of a key is trusted: a revoked key must stop within 5 s on every node. */
  keyCacheMs: 2_000,
  keyCacheEntriesMax: 10_000,
  /** One for look-ups of unknown ids, one for keys that are in use and for what is recorded. */
  keyConnectionsMax: 2,
  /** Unknown ids are looked up together, at most 20 times a second: a new key waits for so long at most. */
  keyLookupPauseMs: 50,
  /** More ids than a process can be sent within that pause; an address that has failed too often finds its turn sooner full. */
  keyLookupsWaitingMax: 10_000,
  keyLookupsOfFailingMax: 1_000,
  /** Wrong keys of one address: a client with an old key tries a few times, and then learns to wait. */
  failedKeysAtOnceMax: 50,
  failedKeyEveryMs: 200,
  failingAddressesMax: 10_000,

  /** How long a process that stops still takes connections, after it has said that it is not ready. */
  lingerMs: 200,
  /** A stop ends this long after its drain, finished or not, so that a supervisor never has to end it. */
  stopBeyondDrainMs: 10_000,
  /** How long a stop waits for the collector of traces. A collector next door answers at once, and another one may be away. */
  tracesFlushMs: 2_000,
  /** A name in a span: of a model, or of a reason. Those of providers are much shorter. */
  tracedNameCharactersMax: 128,
  /** A step of a read model names the traces whose events it applies: a step that follows turns live applies a few of each. */
  tracedStepLinksMax: 32,
  tracedStepEventsMax: 500,

  /** The drain with an embedded database: then Ctrl-C stops in a time for which a person waits. */
  embeddedDrainMs: 10_000,
  /** Longer than any deployment may take. */
  drainMsMax: 24 * 60 * 60 * 1_000,
  /** A terminal signals each process of its group, and npm passes the signal on: those that come within this time are one. */
  sameSignalMs: 1_000,

  /** Of one prompt: a million tokens of English. It is made, hashed and recorded before anything else has its turn. */
  promptCharactersMax: 4 * 1024 * 1024,
  /** Of texts whose tokens are not known yet, counted before anything else has its turn: 20 ms of work for the worst of them. */
  countAtOnceCharactersMax: 4_096,
  /** A message, or a system text. An answer may be longer: it is cut off, not refused. */
  contentBytesMax: 256 * 1024,
  /** As JSON it may take six times its bytes: with its turn it must fit one append. */
  contentEscapedBytesMax: 900 * 1024,
  /** Messages, notes and answers of one conversation. Its fold takes some 100 MB then, and a start reads it in seconds. */
  conversationNodesMax: 50_000,
  /** Of texts, in UTF-8: from here on nothing is said, asked or noted any more. Answers that are under way still come. */
  conversationTextBytesMax: 64 * 1024 * 1024,
  /**
   * Of its fold: the JSON of its events. A text full of quotes weighs twice its bytes there. 64 MiB of plain text and 10,000
   * turns are 94 MiB. From the first bound on it takes no more messages, and from the second no other change.
   */
  conversationFoldBytesMax: 112 * 1024 * 1024,
  conversationChangeFoldBytesMax: 120 * 1024 * 1024,
  /** Events from which on a conversation takes no more messages, and from which on no other change: renames count too. */
  conversationEventsMax: 250_000,
  conversationChangeEventsMax: 260_000,
  /** Far more than people wait for. */
  queuedTurnsMax: 100,
  /** Calls for one generation while no byte has come: after refusals that may pass, and after crashes. */
  attemptsMax: 3,
  attemptsAfterCrashMax: 2,
  /** A provider that asks for a longer pause has ended the generation. */
  retryAfterMsMax: 30_000,
  /** Before the second attempt, when the provider asks for nothing; twice as long before the next. */
  retryPauseMs: 500,

  /** An answer, and what is thought about it: each of them, in UTF-8. */
  answerBytesMax: 512 * 1024,
  /** One event holds the whole answer, and JSON may need six bytes for one. With its envelope it must fit one append. */
  answerEscapedBytesMax: 900 * 1024,
  answerTokensMax: 256 * 1024,
  /** Of text in one append, so that it fits however it is escaped. */
  deltaCharactersMax: 64 * 1024,

  /** Pieces of text in one append: each has an envelope of up to 3 KiB beside its text. */
  deltasPerAppendMax: 128,
  /** Of what a provider reports as usage, as JSON: each of the two events that record it must leave room for an answer. */
  usageBytesMax: 16 * 1024,
  /** Of the fields of one chunk of an answer that nothing here reads, as JSON: of larger ones the names stay. */
  unreadFieldsBytesMax: 16 * 1024,
  /** Names of larger fields that stay, and characters of each: written as JSON, they take less than the fields may. */
  unreadNamesMax: 32,
  unreadNameCharactersMax: 80,
  /** Of tool calls, refusals and what nothing reads, together in one answer; each piece counts for so much more. */
  sideBytesMax: 512 * 1024,
  sidePieceOverheadBytes: 64,
  /** Of what nothing reads, in one append. */
  unreadCharactersPerAppendMax: 32 * 1024,
  /** Ends of queued turns in one append, each of up to 4 KiB: with the longest answer and the next prompt they fit. */
  endedTurnsPerAppendMax: 10,

  /** How long a prompt that another process may have been offered is left alone: many times as long as entering it takes. */
  offeredElsewhereMs: 1_000,
  /**
   * How far apart the statements are that keep the work table for the case that a process dies: a small part of
   * `offeredElsewhereMs` and of a lease, and far more than the time between two turns under load.
   */
  workStatementsApartMs: 250,
  /** A poll of the work table, for the case of lost wake-ups. */
  workPollMs: 500,

  /** One page of a list. */
  pageItemsUsual: 50,
  pageItemsMax: 200,
  /** More than any search needs. */
  searchCharactersMax: 1_000,
  /** What a list shows of what was said last. */
  lastMessageCharactersMax: 200,
  /** A piece of a text in the index of words: a database takes no list of words that is longer than a megabyte. */
  searchPieceCharactersMax: 32 * 1024,
  /** Behind the log, so many events become one step: few writes for many events, and rows that fit into memory. */
  projectionStepEventsMax: 20_000,
  projectionStepBytesMax: 32 * 1024 * 1024,
  /**
   * How long a lane that is live lets events lie at most: the answers that they belong to are being written just then, and
   * what follows within that time is one step and not several. A reader that waits for a view ends the pause. Each step costs
   * the database a plan and a commit: with a step every 100 ms, lanes took a seventh of the CPU of 50 streams.
   */
  projectionPauseMs: 250,
  /** A step that keeps failing is cut in halves after so many tries; an outage is not counted. */
  projectionTriesMax: 3,
  /** A lane tries so many parked streams again, and then looks after its builds before it tries the next. */
  replayStreamsMax: 200,
  /** A lane that its store refuses tries again at this pace: the cause is repaired by hand. */
  storeRefusedPauseMs: 2_000,
  /** About so much memory for the rows that a lane has at hand. */
  projectionRowsCharactersMax: 16 * 1024 * 1024,
  /** With a larger lag, readiness reports a read model as behind. */
  projectionLagSecondsMax: 30,
  /** A view that is this far behind is catching up, which is logged at this pace. */
  catchUpSecondsMin: 5,
  catchUpLogMs: 5_000,
  /** How often a process tries to claim a lease. Released work may wait for this time. */
  freeLeaseLookMs: 1_000,
  /** How often a process reads the list of builds and the requested replays. */
  projectionLookMs: 1_000,
  /** A new build catches up with a live one that is held for so long; then it is tried again later. */
  swapWaitMs: 1_000,
  /** How long a swap waits for readers of the old build, while new readers wait behind it; then it is tried again later. */
  swapLockMs: 500,
  swapLookMs: 5,
  /** How long a question waits for a view that must cover a cursor, and how long for one that should. */
  viewWaitMs: 5_000,
  viewGraceMs: 1_000,
  /** A poll of the view, for steps of lanes in other processes. */
  viewLookMs: 50,
  /** How long a wish of another process for a step of a lane holds: until the event that it waits for is read. */
  viewWishMs: 200,
  /** The connection that receives hints is looked after this often: so long hints may be lost after an outage. */
  hintsReconnectMs: 5_000,
  /** What a process remembers to have shown: so many conversations of a user as a page of a list has, and 200 bytes each. */
  shownConversationsPerUserMax: 50,
  shownUsersMax: 2_000,

  /** One answer with a conversation: the newest nodes, fewer when their texts would fill the memory of a reader. */
  viewNodesMax: 500,
  viewTextCharactersMax: 32 * 1024 * 1024,
  /** What may wait for a client that does not read; then it is closed, and can resume. */
  streamWaitingBytesMax: 1024 * 1024,
  /** What is ready leaves in one write, up to this much; a client gets no more before it has taken that. */
  streamWriteBytesMax: 64 * 1024,
  /** One timer for all streams of a process; the other paces count its ticks. */
  streamTickMs: 1_000,
  /** A revoked key ends its streams within 5 s: this and the age of a lookup together. */
  streamPrincipalCheckTicks: 2,
  /** Proxies close what is silent for long. */
  streamHeartbeatTicks: 15,
  /** A client that has taken nothing of what waits for so many heartbeats is gone, or as good as that. */
  streamStalledHeartbeatsMax: 4,
  /** A stream that was ended and whose client does not take the rest is cut. */
  streamFarewellTicks: 2,

  /** The command line: how long an answer may take, and how often one looks what has come of a request or of the log. */
  commandAnswerMs: 30_000,
  commandLookMs: 250,
  /** What it waits for has not moved for so long: longer than one step of a projection may take. */
  commandStillMs: 120_000,
  /** They are held until the oldest is known. */
  tailEventsMax: 1_000,
  /** On one line of a terminal, more or less. */
  cellCharactersMax: 60,
  eventTextCharactersMax: 120,
} as const;
