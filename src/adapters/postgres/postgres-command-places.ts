import type { ClaimedPlace, CommandPlaces } from '../../ports/command-places.js';
import type { CommandPlace } from '../../ports/event-log.js';
import type { ConnectionPool } from './connection-pool.js';

const CLAIM = `
  INSERT INTO runtime.command_places (command_id, stream, revision) VALUES ($1, $2, $3)
  ON CONFLICT DO NOTHING RETURNING true`;

const FIND = 'SELECT stream, revision FROM runtime.command_places WHERE command_id = $1';

export class PostgresCommandPlaces implements CommandPlaces {
  constructor(private readonly pool: ConnectionPool) {}

  async claim(command: string, { stream, revision }: CommandPlace): Promise<ClaimedPlace> {
    const inserted = await this.pool.query({ text: CLAIM, values: [command, stream, revision], rowMode: 'array' });
    const isNew = inserted.length > 0;
    if (isNew) return { stream, revision, isNew };
    // The insert has waited for the commit of the other one, and places are never deleted.
    const recorded = await this.find(command);
    if (!recorded) throw new Error('a command place is neither new nor recorded');
    return { ...recorded, isNew };
  }

  async find(command: string): Promise<CommandPlace | undefined> {
    const [row] = await this.pool.query<[string, number]>({ text: FIND, values: [command], rowMode: 'array' });
    return row && { stream: row[0], revision: row[1] };
  }
}
