/** Every bound of Verbatim, with its reason. The name ends with the unit. */
export const limits = {
  /** One append is one decision. A larger one is an import, which can be split. */
  appendEventsMax: 1_000,
  /** The default limit of EventStoreDB, the smaller of the two engines. */
  appendBytesMax: 1024 * 1024,
  /** The envelope of an event on the wire, which counts against the limit, as its type and tenant do. */
  appendOverheadPerEventBytes: 512,
  schemaVersionMax: 2 ** 31 - 1,
  /** A revision has to be an exact JavaScript number and fit every engine's column. */
  revisionMax: 2 ** 31 - 1,
  streamNameCharactersMax: 200,

  /** One group commit: large enough to share a flush, small enough that it holds its lock for milliseconds. */
  commitBatchEventsMax: 2_000,
  commitBatchBytesMax: 4 * 1024 * 1024,
  /** To split fewer appends among writers costs more flushes than it gains. */
  commitShareAppendsMin: 128,
  /** Appends that wait in an outage of the database. Beyond either bound a new one fails at once. */
  commitQueueAppendsMax: 20_000,
  commitQueueBytesMax: 64 * 1024 * 1024,
  /** The share of both bounds for one tenant and for one user, so that neither fills the queue. */
  commitQueueTenantShare: 1 / 2,
  commitQueueUserShare: 1 / 4,
  /** How long an append may wait for the database before its outcome is `unavailable`. */
  appendDeadlineMs: 10_000,
  /** A connection without an answer after this time is dropped, and its batch is retried on another one. */
  commitAnswerMs: 5_000,

  /** Appends of different streams that are sent to EventStoreDB at once. It flushes all of them together. */
  appendsOnWireMax: 512,
  /** Events that a subscription has received and its reader has not taken. Most are small; the largest would fill 256 MB. */
  subscriptionBufferEventsMax: 256,
  /** After this many filtered events a subscription gets a page with their position. */
  checkpointWindowEvents: 1_000,
  /** Shared events that a follower has not taken. Beyond this it reads by itself until it is near the end again. */
  mailboxEventsMax: 5_000,
  mailboxCharactersMax: 8 * 1024 * 1024,
  /** How far followers that share a reading may be apart: a step of a read model. */
  catchUpKeptEventsMax: 20_000,
  catchUpKeptCharactersMax: 16 * 1024 * 1024,
  /** A follower that delays the others for longer than most steps take reads by itself. */
  catchUpPatienceMs: 5_000,
  /** A page of a read: one round trip, and at most this much memory for each reader. */
  readPageEventsMax: 2_000,
  readPageBytesMax: 8 * 1024 * 1024,
  /** Events of a ledger in the first read of the search back to the latest prompt. Each further read takes twice as many. */
  historyStepEvents: 32,
  readAnswerMs: 30_000,
  /** The latest appends of a process, kept for its own subscribers. */
  recentEventsMax: 2_000,
  recentBytesMax: 4 * 1024 * 1024,
  readConnectionsMax: 8,
  /** The server ends a statement that waits longer for a lock: sooner than the timeout of a batch (commitAnswerMs). */
  lockWaitMs: 4_000,
  /** Shorter for a migration, because the statements of users queue behind one that waits. */
  migrationLockWaitMs: 2_000,
  migrationPauseMs: 500,
  /** How long a migration retries: another program may end its transaction only after minutes. */
  migrationPatienceMs: 300_000,
  /** The timeout of a statement outside a transaction, beside which reads and writes continue. */
  migrationOutsideLockWaitMs: 60_000,
  /** How often a process checks whether another one still migrates. */
  migrationLookMs: 100,
  /** How often the server checks the client of a running statement, and ends the statement if the client is gone. */
  lostClientLookMs: 1_000,
  /** Leases and checkpoints: short queries, few at a time. */
  runtimeConnectionsMax: 4,
  runtimeAnswerMs: 5_000,
  /** Lanes write a step each, and a step may be large. */
  viewConnectionsMax: 5,
  viewAnswerMs: 60_000,
  /** The timeout of lists and conversations, for which users wait. A longer query is ended and answered with 503. */
  viewReadConnectionsMax: 6,
  viewReadAnswerMs: 10_000,
  /** Searches have their own connections. The server ends a search that takes longer than users wait. */
  searchConnectionsMax: 2,
  searchAnswerMs: 5_000,
  /** A server that accepts a connection and does not answer must not delay a start for ever. */
  connectDeadlineMs: 10_000,
  /** In a cluster, a call without an answer for this long starts a search for the leader. */
  leaderDoubtMs: 1_000,
  /** The timeout of a query for the leader to one node. */
  gossipAnswerMs: 1_000,
  /** The time of one search, with pauses between its rounds. Calls that wait for the leader end with it. */
  leaderSearchMs: 5_000,
  leaderSearchPauseMs: 100,
  /** How long a start waits while a cluster elects, and how often it says so. An election takes some 8 s. */
  leaderWaitMs: 60_000,
  leaderWaitNoticeMs: 10_000,
  /** The timeout to reach the servers of the log. A whole start stays below ten seconds. */
  logReachMs: 8_000,
  /** The time for an orderly close of connections. Then their sockets are destroyed, because a server may not answer. */
  farewellMs: 2_000,
  /** The system probes a silent connection to the database after this time, because firewalls drop silent ones after minutes. */
  databaseProbeMs: 60_000,

  /** A poll for the case of lost wake-ups: one tiny query a second for a whole process. */
  headPollMs: 1_000,
  /** The pause between two queries during many notifications. At most less than the interval in which texts are joined. */
  headLookMs: { first: 1, most: 30 },
  reconnectBackoffMs: { first: 20, most: 1_000 },
  /** The pause after a failed attempt to create a partition of the log. */
  partitionRetryMs: 1_000,
  /** If a server lacks a known event, a second query after this time decides whether the log went back. */
  goneEventLookAgainMs: 500,
  /** How often a starting process checks whether another one holds the lock on the log of the views. */
  startTurnLookMs: 200,
  /** The pause after a failure of background work that is no outage. Each failure is a log line. */
  backgroundBackoffMs: { first: 500, most: 30_000 },

  /** Attempts of a command while other processes change its stream. After them the caller gets a retryable error. */
  transactAttemptsMax: 10,
  /** Commands on one stream that wait in one process: about as many as finish before their callers time out. */
  writersWaitingMax: 1_000,
  /** The cache of folds: about this much memory, and not more folds than streams are busy at a time. */
  foldsBytesMax: 32 * 1024 * 1024,
  foldsMax: 10_000,
  /** A larger fold goes into the cache of large folds, so that it evicts no small ones. */
  largeFoldBytesMin: 2 * 1024 * 1024,
  /** The cache of large folds: two full conversations, or one with the longest answers of a full queue. */
  largeFoldsBytesMax: 256 * 1024 * 1024,

  /** A fold is kept about each time that its stream has so many more events: a new process reads half of them. */
  keptFoldEveryEvents: 500,
  /** Folds that wait to be kept. One beyond this is kept after its next events. */
  keptFoldsWaitingMax: 100,
  /** Nodes that are loaded at once from a kept fold. A short prompt reads the first, a long one twice as many each time. */
  keptFoldStepNodes: { first: 32, most: 512 },
  /** Nodes that are written before other work of the process gets its turn: a millisecond or two. */
  keptFoldSliceNodes: 1_000,

  /** A subscription stops at an event after this many failures of its handler. Outages do not count. */
  handlerAttemptsMax: 6,
  handlerBackoffMs: { first: 50, most: 5_000 },
  /** Events between two checkpoints while a subscription is behind. A crash repeats at most these. */
  checkpointEveryEvents: 500,
  /** The interval of checkpoints of a live subscription. Each is a flush, and a crash repeats the events of one interval. */
  checkpointMs: 1_000,
  /** Events in one count of a backlog: about 10 ms of the database. Beyond them the count is an estimate. */
  backlogCountMax: 20_000,
  /** Records that EventStoreDB reads for the age of a backlog, to skip a few of other programs. */
  backlogAgeRecordsMax: 32,

  /** Partitions of the topic, for at most as many consumers. Never changes: a key that moves to another one loses its order. */
  relayPartitions: 12,
  /** The replicas of the topic, if there are as many brokers. All but one must have an event before it is acknowledged. */
  relayReplicasMax: 3,
  /** One send to one partition: less than the default limit of a broker, with the overhead of the protocol. */
  relaySendEventsMax: 1_000,
  relaySendBytesMax: 900 * 1024,
  relayOverheadPerMessageBytes: 128,
  /** Events that are joined into one page while the relay is far behind, so that each partition gets few sends. */
  relayStepEventsMax: 10_000,
  relayStepBytesMax: 8 * 1024 * 1024,
  /** The message size of the topic: the largest event, its headers, and a margin. */
  relayTopicMessageBytesMax: 2 * 1024 * 1024,
  /** The timeouts of a connection and of a request, which are then retried at another broker. */
  relayConnectMs: 3_000,
  relayAnswerMs: 10_000,
  /** How long a broker may wait for its replicas: less than the timeout of the request, so that the answer arrives. */
  relayAcknowledgeMs: 8_000,
  /** The timeout of a send or of a new connection, including the retries of the client. */
  relaySendMs: 45_000,
  relayClientPauseMs: { first: 100, most: 1_000 },
  relayClientTriesMax: 6,
  /** The pause between two connections during an outage. */
  relayBackoffMs: { first: 100, most: 5_000 },
  /** The pause while the brokers deny access: short enough to notice a repair within a minute, too long to lock an account. */
  relayDeniedBackoffMs: { first: 1_000, most: 30_000 },
  /** The time at a stop for open acknowledgements and for an orderly close of connections. */
  relayFarewellMs: 2_000,

  /** Bytes that a provider has sent and the attempt has not taken. Beyond this, its socket is paused. */
  providerQueueBytesMax: 1024 * 1024,
  /** Bytes of an answer that may wait for the next tick of the flush clock: about 50 tokens. */
  providerWaitingBytesMax: 16 * 1024,
  /** Bytes of one answer that are read before other work of the process gets its turn: a few milliseconds of work. */
  providerPieceBytesMax: 64 * 1024,
  /** The stream of one answer: the longest has about 128 Ki tokens with half a KiB of JSON each. */
  providerStreamBytesMax: 64 * 1024 * 1024,
  /** One event of a provider's stream. An answer is at most 512 KiB, and as escaped JSON up to six times as long. */
  providerEventBytesMax: 4 * 1024 * 1024,
  /** Bytes that are read from an error response, and characters of its message that are kept. */
  providerErrorBytesMax: 64 * 1024,
  providerWordsCharactersMax: 2_000,
  /** How long a provider may take to end its response after the last chunk, so that the connection can be reused. */
  providerTailMs: 1_000,
  /** A connection without a call. Shorter than the 60 s after which load balancers usually close one; a provider may name less. */
  providerIdleMs: 55_000,
  /** As many as a process has calls at once, unless VERBATIM_MAX_GENERATIONS says otherwise. */
  providerIdleSocketsMax: 256,
  /** For a call that waits for the commit of its prompt. Within the second that is left of what the provider has named. */
  providerHoldMs: 500,
  /** Fits the longest message, 256 KiB of text, in escaped form. */
  requestBodyBytesMax: 1024 * 1024,
  /** The time in which a request has to arrive, so that slow clients do not hold connections. */
  requestTimeoutMs: 30_000,
  /** No request of the API nests deeper than a few levels. Deeper JSON is an attack on recursive code. */
  jsonDepthMax: 64,
  /** Fields and list items of one body. Validation takes up to 0.1 ms for each unknown one. */
  jsonValuesMax: 500,
  /** An answer lists at most this many mistakes, each in a bounded text, so that it is not larger than its request. */
  problemErrorsMax: 100,
  problemPathCharactersMax: 200,
  /** The pause between two background checks of a store. */
  surveyPauseMs: 1_000,
  /** The timeout of a check. A hanging store counts as unavailable. */
  surveyAnswerMs: 2_000,
  /** How often a start checks whether each survey has its first answer. */
  surveyLookMs: 5,
  /** How often the file of the log level is read, and how much of it: each level is one short word. */
  logLevelLookMs: 2_000,
  logLevelBytesMax: 64,
  /** Models and currencies with their own metrics. All others share one. */
  countedNamesMax: 50,
  /** Longer than any id, so that an unknown one is not found rather than too long. */
  pathParameterCharactersMax: 1_000,
  /** Of a tenant, a user, a key, a provider or a model. */
  nameCharactersMax: 200,
  /** More characters than any list shows. */
  titleCharactersMax: 500,
  /** Far beyond any model, and fits the columns of every engine. */
  tokenBudgetMax: 2 ** 31 - 1,
  /** Enough for any id of a client, too short for a text. */
  idempotencyKeyCharactersMax: 200,
  /** A key that was looked up longer ago is looked up again, behind the request that presents it. */
  keyCacheMs: 2_000,
  /** A request waits for the lookup of a key that was looked up longer ago: a revoked key must stop within 5 s on every node. */
  keyUseMs: 4_000,
  keyCacheEntriesMax: 10_000,
  /** For the keys of values: look-ups of pages and of scopes, the refill, and the rotation. */
  valueKeyConnectionsMax: 4,
  /** One connection for look-ups of unknown ids, one for known keys and for records. */
  keyConnectionsMax: 2,
  /** Unknown ids are looked up together, at most 20 times a second: a new key waits for so long at most. */
  keyLookupPauseMs: 50,
  /** More ids than a process can receive within that pause. An address with wrong keys reaches its own limit sooner. */
  keyLookupsWaitingMax: 10_000,
  keyLookupsOfFailingMax: 1_000,
  /** Wrong keys of one address: a client with an old key may try a few times before it has to wait. */
  failedKeysAtOnceMax: 50,
  failedKeyEveryMs: 200,
  failingAddressesMax: 10_000,
  /** How long a stopping process still accepts connections after it has become unready. */
  lingerMs: 200,
  /** A stop ends this long after its drain in any case, so that a supervisor need not kill the process. */
  stopBeyondDrainMs: 10_000,
  /** How long a stop waits for the trace collector. A local one answers at once; a remote one may be away. */
  tracesFlushMs: 2_000,
  /** The length of a name in a span, of a model or of a reason. Usual names are much shorter. */
  tracedNameCharactersMax: 128,
  /** Links of the span of a step to the traces of its events. A live step has events of a few traces. */
  tracedStepLinksMax: 32,
  tracedStepEventsMax: 500,
  /** The drain with an embedded database, short because a user waits after Ctrl-C. */
  embeddedDrainMs: 10_000,
  /** Longer than any deployment may take. */
  drainMsMax: 24 * 60 * 60 * 1_000,
  /** A terminal signals each process of its group, and npm forwards the signal: signals within this time count as one. */
  sameSignalMs: 1_000,

  /** Characters of one prompt: a million tokens of English. It is made, hashed and recorded in one turn of the event loop. */
  promptCharactersMax: 4 * 1024 * 1024,
  /** Characters that are counted in one turn of the event loop: at most 20 ms of work. */
  countAtOnceCharactersMax: 4_096,
  /** The bytes of a message or a system text. An answer may be longer, and is cut off instead of refused. */
  contentBytesMax: 256 * 1024,
  /** JSON may need six bytes for one. A message and its turn must fit one append. */
  contentEscapedBytesMax: 900 * 1024,
  /** Messages, notes and answers of one conversation. The fold of a full one takes about 100 MB, and is read in seconds. */
  conversationNodesMax: 50_000,
  /** UTF-8 bytes of texts from which on a conversation takes no messages, notes or requests. Open answers still end. */
  conversationTextBytesMax: 64 * 1024 * 1024,
  /** JSON bytes of its fold, from which on it takes no messages, and no other change. 64 MiB in 10,000 turns are 94 MiB. */
  conversationFoldBytesMax: 112 * 1024 * 1024,
  conversationChangeFoldBytesMax: 120 * 1024 * 1024,
  /** Events from which on a conversation takes no more messages, and from which on no other change: renames count too. */
  conversationEventsMax: 250_000,
  conversationChangeEventsMax: 260_000,
  /** Far more queued turns than users wait for. */
  queuedTurnsMax: 100,
  /** Calls of one generation without any text: after failures that may pass, and after crashes. */
  attemptsMax: 3,
  attemptsAfterCrashMax: 2,
  /** A provider that asks for a longer pause has ended the generation. */
  retryAfterMsMax: 30_000,
  /** The pause before the second attempt if the provider names none. It doubles before the third. */
  retryPauseMs: 500,

  /** UTF-8 bytes of the content of an answer, and of its reasoning. */
  answerBytesMax: 512 * 1024,
  /** One event holds the whole answer, and JSON may need six bytes for one. With its envelope it must fit one append. */
  answerEscapedBytesMax: 900 * 1024,
  answerTokensMax: 256 * 1024,
  /** Bytes of text in one append, so that it fits in escaped form. */
  deltaCharactersMax: 64 * 1024,
  /** Pieces of text in one append: each has an envelope of up to 3 KiB beside its text. */
  deltasPerAppendMax: 128,
  /** JSON bytes of the reported usage: both events that record it must have room for an answer. */
  usageBytesMax: 16 * 1024,
  /** JSON bytes of the unknown fields of one chunk. Of larger ones only the names are kept. */
  unreadFieldsBytesMax: 16 * 1024,
  /** The number and length of the kept names of larger fields. As JSON they are smaller than the bound for fields. */
  unreadNamesMax: 32,
  unreadNameCharactersMax: 80,
  /** Bytes of tool calls, refusals and unknown fields of one answer, and the overhead that each piece counts. */
  sideBytesMax: 512 * 1024,
  sidePieceOverheadBytes: 64,
  /** Bytes of unknown fields in one append. */
  unreadCharactersPerAppendMax: 32 * 1024,
  /** Ends of queued turns in one append, each up to 4 KiB. They fit beside the longest answer and the next prompt. */
  endedTurnsPerAppendMax: 10,
  /** How long a prompt is reserved for the process that may have claimed it: many times the time to record it. */
  offeredElsewhereMs: 1_000,
  /** The interval of writes to the work table: far less than a lease, far more than between two turns under load. */
  workStatementsApartMs: 250,
  /** A poll of the work table, for the case of lost wake-ups. */
  workPollMs: 500,
  /** One page of a list. */
  pageItemsUsual: 50,
  pageItemsMax: 200,
  /** More than any search needs. */
  searchCharactersMax: 1_000,
  /** Characters of the last message that a list shows. */
  lastMessageCharactersMax: 200,
  /** A piece of a text in the index of words: PostgreSQL takes no list of words of more than a megabyte. */
  searchPieceCharactersMax: 32 * 1024,
  /** Events in one step of a lane that is behind: few writes for many events, with rows that fit into memory. */
  projectionStepEventsMax: 20_000,
  projectionStepBytesMax: 32 * 1024 * 1024,
  /** How long a live lane collects events for one step. With a step every 100 ms, lanes took a seventh of the CPU of 50 streams. */
  projectionPauseMs: 250,
  /** A step is halved after this many failures. Outages do not count. */
  projectionTriesMax: 3,
  /** Parked streams that a lane replays before it continues with other work. */
  replayStreamsMax: 200,
  /** The pause of a lane that the database refuses, until an operator repairs the cause. */
  storeRefusedPauseMs: 2_000,
  /** About this much memory for the cached rows of a lane. */
  projectionRowsCharactersMax: 16 * 1024 * 1024,
  /** With a larger lag, readiness reports a read model, the record or the relay as behind. */
  readyLagSecondsMax: 30,
  /** A view that is this far behind is catching up, which is logged at this pace. */
  catchUpSecondsMin: 5,
  catchUpLogMs: 5_000,
  /** How often a process tries to claim a lease. Released work may wait for this time. */
  freeLeaseLookMs: 1_000,
  /** How often a process reads the list of builds and the requested replays. */
  projectionLookMs: 1_000,
  /** How long a swap holds the live lane while the new build catches up. Then it is retried later. */
  swapWaitMs: 1_000,
  /** How long a swap waits for readers of the old build, while new readers wait behind it; then it is tried again later. */
  swapLockMs: 500,
  swapLookMs: 5,
  /** How long a list waits for a view that must cover a cursor, and for one that should. */
  viewWaitMs: 5_000,
  viewGraceMs: 1_000,
  /** How long the read of a conversation waits for its view before it is folded from the log: one pause of a lane. */
  viewFoldAfterMs: 250,
  /** A poll of the view, for steps of lanes in other processes. */
  viewLookMs: 50,
  /** How long a hint of another process for a step of a lane is valid: until the lane has read the event. */
  viewWishMs: 200,
  /** How often the connection for hints is checked. After an outage, hints may be lost for this time. */
  hintsReconnectMs: 5_000,
  /** Cursors that a process has shown: for each user as many conversations as a page of a list has, 200 bytes each. */
  shownConversationsPerUserMax: 50,
  shownUsersMax: 2_000,
  /** The newest nodes in one answer with a conversation. Fewer if their texts are long. */
  viewNodesMax: 500,
  viewTextCharactersMax: 32 * 1024 * 1024,
  /** Bytes that may wait for a client that does not read. Beyond this it is disconnected, and can resume. */
  streamWaitingBytesMax: 1024 * 1024,
  /** Bytes of one write to a client. It gets no more before it has taken them. */
  streamWriteBytesMax: 64 * 1024,
  /** The interval of the one timer for all streams of a process. The next intervals count its ticks. */
  streamTickMs: 1_000,
  /** A revoked key ends its streams within 5 s: this and the age of a recent lookup (keyCacheMs) together. */
  streamPrincipalCheckTicks: 2,
  /** Proxies close silent connections. */
  streamHeartbeatTicks: 15,
  /** A client that has taken no bytes for this many heartbeats counts as gone. */
  streamStalledHeartbeatsMax: 4,
  /** How long the client of an ended stream may take to read the rest. */
  streamFarewellTicks: 2,
  /** The command line: the timeout of a request, and how often it polls the result of a request or the log. */
  commandAnswerMs: 30_000,
  commandLookMs: 250,
  /** How long a command waits without progress: longer than one step of a projection may take. */
  commandStillMs: 120_000,
  /** Events of `log tail`, which are held until the oldest is known. */
  tailEventsMax: 1_000,
  /** About one line of a terminal. */
  cellCharactersMax: 60,
  eventTextCharactersMax: 120,
} as const;
