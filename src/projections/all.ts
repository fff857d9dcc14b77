import { TerminalError } from '../ports/errors.js';
import { access } from './access/projection.js';
import { conversations } from './conversations/projection.js';
import { messages } from './messages/projection.js';
import type { Projection } from './projection.js';
import { runs } from './runs/projection.js';
import { usage } from './usage/projection.js';

/** The projections of all read models, in the order of their names. */
export const projections = withDistinctTables([access, conversations, messages, runs, usage]);

/** Two read models with one table would overwrite the rows of each other. */
export function withDistinctTables(projections: readonly Projection[]): readonly Projection[] {
  const users = new Map<string, string>();
  for (const { name, tables } of projections) {
    for (const table of tables) {
      const other = users.get(table.name);
      if (other !== undefined) throw new TerminalError(`${other} and ${name} both declare the table ${table.name}`);
      users.set(table.name, name);
    }
  }
  return projections;
}
