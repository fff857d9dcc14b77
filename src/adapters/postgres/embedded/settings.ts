/**
 * For an event log on a small machine: appends and reads by key, few connections, memory left to the application.
 * What keeps data safe (fsync, synchronous_commit, full_page_writes) and tidy (autovacuum) is on by default.
 */
export const tunedSettings: Readonly<Record<string, string>> = {
  shared_buffers: '64MB',
  effective_cache_size: '256MB',
  // Fewer checkpoints write fewer full pages; a recovery still reads no more than this.
  max_wal_size: '512MB',
  min_wal_size: '64MB',
  wal_compression: 'pglz',
  // Short queries by key: compiling one takes longer than running it.
  jit: 'off',
  // Severity first on every line, which is what decides who hears of it.
  log_line_prefix: '',
  // Statements can hold what people wrote, and that belongs in no log but ours.
  log_min_error_statement: 'panic',
};

/** Nobody else can reach it: no TCP, and a socket in a directory that is closed to others. */
export function privateTo(socketDirectory: string): Record<string, string> {
  return { listen_addresses: '', unix_socket_directories: socketDirectory, port: String(serverPort) };
}

/** Without TCP it only names the socket. */
export const serverPort = 5432;
