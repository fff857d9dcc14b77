import { Conditions } from '../../adapters/postgres/views/conditions.js';
import type { ViewReader } from '../../adapters/postgres/views/view-reader.js';
import { wordsWithin } from '../../adapters/postgres/views/words.js';
import type { ConversationQueries, ConversationsAsked } from './query.js';
import type { ConversationRow } from './rows.js';

export class PostgresConversations implements ConversationQueries {
  constructor(private readonly views: ViewReader) {}

  list({ scope, archived, words, before, rowsMax }: ConversationsAsked): Promise<ConversationRow[]> {
    const asked = new Conditions().within(scope).where('archived = ?', archived).before('updated_at', before);
    if (words !== undefined) {
      const said = `SELECT DISTINCT conversation FROM views.said WHERE ${wordsWithin(scope, 'terms', asked)}`;
      // With an array the words are looked up first. PostgreSQL does not know how rare a word is, and with a join it reads
      // the newest conversations instead, of which hardly any has a rare word.
      asked.where(`key = ANY(ARRAY(${said}))`, words);
    }
    const order = `ORDER BY updated_at DESC, key DESC LIMIT ${asked.value(rowsMax)}`;
    const text = `SELECT doc::text FROM views.conversations WHERE ${asked} ${order}`;
    return this.views.rows('conversations', text, asked, words);
  }
}
