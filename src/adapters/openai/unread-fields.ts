/** The fields of a record that are not among those that are read, and that say something; nothing when there is none. */
export function unreadFields(
  record: Readonly<Record<string, unknown>>,
  read: readonly string[],
): Record<string, unknown> | undefined {
  const unread: Record<string, unknown> = {};
  let found = false;
  for (const name in record) {
    const value = record[name];
    if (read.includes(name) || value === null || value === '') continue;
    unread[name] = value;
    found = true;
  }
  return found ? unread : undefined;
}
