import { limits } from '../limits.js';
import { TerminalError } from '../ports/errors.js';
import type { Build, LaneStore, RowChange, RowKey } from '../ports/read-models/read-models.js';
import type { AnyTable, Table } from '../ports/read-models/table.js';
import type { Rows } from './projection.js';

interface KnownRow {
  /** Null: the table has no such row. */
  readonly row: unknown;
  readonly characters: number;
}

/**
 * The rows that the owner of a lane works on, kept from batch to batch: it alone changes them. A row that a batch changes
 * several times is written once.
 */
export class WorkingRows implements Rows {
  private readonly known = new Map<AnyTable, Map<string, KnownRow>>();
  private changed = new Map<AnyTable, Map<string, unknown>>();
  private characters = 0;

  constructor(
    private readonly store: Pick<LaneStore, 'load'>,
    private readonly build: Build,
    private readonly tables: readonly AnyTable[],
    /** True if the lane began with the log: then a row that is not cached does not exist. */
    private isWhole: boolean,
  ) {}

  /** Loads these rows. */
  async fetch(keys: readonly RowKey[]): Promise<void> {
    if (this.isWhole) return;
    const missing = keys.filter(({ table, key }) => !this.tableOf(table).has(key));
    if (missing.length === 0) return;
    for (const { table, key } of missing) this.keep(table, key, null);
    for (const { table, key, row } of await this.store.load(this.build, missing)) this.keep(table, key, row);
  }

  get<Row>(table: Table<Row>, key: string): Row | undefined {
    const known = this.tableOf(table).get(key);
    if (known === undefined && !this.isWhole) throw new TerminalError(`touched does not name ${key} of ${table.name}`);
    // Each table has its own map, which only `put` and the store fill.
    return (known?.row ?? undefined) as Row | undefined;
  }

  put<Row>(table: Table<Row>, key: string, row: NoInfer<Row>): void {
    this.keep(table, key, row);
    this.change(table, key, row);
  }

  remove(table: AnyTable, key: string): void {
    this.keep(table, key, null);
    this.change(table, key, null);
  }

  /** The changes since the last call. */
  changes(): readonly RowChange[] {
    const changes: RowChange[] = [];
    for (const [table, rows] of this.changed) {
      for (const [key, row] of rows) changes.push({ table, key, row });
    }
    return changes;
  }

  /** Call it after the changes are written. Drops rows if the cache is too large. */
  written(): void {
    this.changed = new Map();
    if (this.characters > limits.projectionRowsCharactersMax) this.forget();
  }

  /** Drops all rows, because the changes may or may not be written. */
  forget(): void {
    this.known.clear();
    this.changed = new Map();
    this.characters = 0;
    this.isWhole = false;
  }

  private keep(table: AnyTable, key: string, row: unknown): void {
    const rows = this.tableOf(table);
    const characters = ROW_CHARACTERS + charactersIn(row);
    this.characters += characters - (rows.get(key)?.characters ?? 0);
    rows.set(key, { row, characters });
  }

  private change(table: AnyTable, key: string, row: unknown): void {
    const rows = this.changed.get(table);
    if (rows) rows.set(key, row);
    else this.changed.set(table, new Map([[key, row]]));
  }

  private tableOf(table: AnyTable): Map<string, KnownRow> {
    const known = this.known.get(table);
    if (known) return known;
    if (!this.tables.includes(table))
      throw new TerminalError(`${this.build.projection} does not declare ${table.name}`);
    const rows = new Map<string, KnownRow>();
    this.known.set(table, rows);
    return rows;
  }
}

/** About the memory of a row without its texts. */
const ROW_CHARACTERS = 1_000;

function charactersIn(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  let characters = 0;
  for (const part of Object.values(value)) characters += charactersIn(part);
  return characters;
}
