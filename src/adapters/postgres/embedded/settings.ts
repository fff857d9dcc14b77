/**
 * Settings for an event log on a small machine: appends and reads by key, few connections, memory left to the application.
 * Settings for durability (fsync, synchronous_commit, full_page_writes) and autovacuum are on by default.
 */
export const tunedSettings: Readonly<Record<string, string>> = {
  shared_buffers: '64MB',
  effective_cache_size: '256MB',
  // Fewer checkpoints write fewer full pages. A recovery reads at most this much.
  max_wal_size: '512MB',
  min_wal_size: '64MB',
  wal_compression: 'pglz',
  // To compile a short query takes longer than to run it.
  jit: 'off',
  // Every line begins with its severity, which decides how it is logged.
  log_line_prefix: '',
  // Statements can hold texts of users, which must not be in a log file.
  log_min_error_statement: 'panic',
};

/** Only this user can connect: no TCP, and a socket in a directory with mode 0700. */
export function privateTo(socketDirectory: string): Record<string, string> {
  return { listen_addresses: '', unix_socket_directories: socketDirectory, port: String(serverPort) };
}

/** Without TCP the port is only a part of the socket's name. */
export const serverPort = 5432;
