import type { CommandPlaces } from '../../ports/command-places.js';
import type { ConnectionPool } from './connection-pool.js';

// What stands is written once more only to be answered: reading it apart could miss what another commits meanwhile.
const CLAIM = `
  INSERT INTO runtime.command_places AS standing (command_id, conversation) VALUES ($1, $2)
  ON CONFLICT (command_id) DO UPDATE SET conversation = standing.conversation
  RETURNING conversation`;

const FIND = 'SELECT conversation FROM runtime.command_places WHERE command_id = $1';

const MOVE = `
  INSERT INTO runtime.command_places AS standing (command_id, conversation) VALUES ($1, $3)
  ON CONFLICT (command_id) DO UPDATE
    SET conversation = CASE standing.conversation WHEN $2 THEN excluded.conversation ELSE standing.conversation END
  RETURNING conversation`;

export class PostgresCommandPlaces implements CommandPlaces {
  constructor(private readonly pool: ConnectionPool) {}

  claim(commandId: string, conversation: string): Promise<string> {
    return this.place(CLAIM, [commandId, conversation]);
  }

  async find(commandId: string): Promise<string | undefined> {
    const [row] = await this.pool.query<[string]>({ text: FIND, values: [commandId], rowMode: 'array' });
    return row?.[0];
  }

  move(commandId: string, from: string, to: string): Promise<string> {
    return this.place(MOVE, [commandId, from, to]);
  }

  private async place(text: string, values: string[]): Promise<string> {
    const [row] = await this.pool.query<[string]>({ text, values, rowMode: 'array' });
    if (!row) throw new Error('an upsert without a condition always answers');
    return row[0];
  }
}
