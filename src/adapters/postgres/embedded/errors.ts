/** PostgreSQL cannot run here, and a retry does not help. The message says what does. */
export class CannotStartPostgres extends Error {
  override readonly name = 'CannotStartPostgres';
}

/** Another live process owns the data directory. Nothing in it was changed. */
export class DataDirectoryInUse extends Error {
  override readonly name = 'DataDirectoryInUse';

  constructor(
    readonly directory: string,
    owner: 'another process' | 'another user' = 'another process',
  ) {
    super(`The data directory ${directory} is in use by ${owner}: stop that one first, or choose another directory.`);
  }
}
