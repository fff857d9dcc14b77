const linesKeptMax = 20;

/** Reads PostgreSQL's stderr. Reports severe lines at once, and keeps the last lines for the message of an error. */
export class ServerLog {
  #unfinished = '';
  #last: string[] = [];

  constructor(private readonly onNotice: (text: string) => void) {}

  get lastLines(): string {
    return this.#last.join('\n');
  }

  write(chunk: string): void {
    const lines = (this.#unfinished + chunk).split('\n');
    this.#unfinished = lines.pop() ?? '';
    for (const line of lines) {
      if (/^(WARNING|ERROR|FATAL|PANIC):/.test(line)) this.onNotice(`PostgreSQL: ${line}`);
    }
    this.#last = [...this.#last, ...lines].slice(-linesKeptMax);
  }
}
