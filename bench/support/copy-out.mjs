import pg from 'pg';

/** Runs a COPY ... TO STDOUT and lets what comes pass by. Answers with how many bytes that was. */
export async function copyOut(connection, text) {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    return await new Promise((resolve, reject) => client.query(new CopyOut(text, resolve, reject)));
  } finally {
    await client.end();
  }
}

/** What the driver asks of a query, as far as a copy needs it. */
class CopyOut {
  bytes = 0;

  constructor(text, resolve, reject) {
    this.text = text;
    this.resolve = resolve;
    this.reject = reject;
  }

  submit(connection) {
    connection.query(this.text);
    return null;
  }

  handleCopyData({ chunk }) {
    this.bytes += chunk.length;
  }

  handleCommandComplete() {}

  handleReadyForQuery() {
    this.resolve(this.bytes);
  }

  handleError(error) {
    this.reject(error);
  }
}
