/** The reason of every abort. Without one, each abort would create an error with a stack. */
export const ENDED = 'ended';

/**
 * An AbortController that longer-lived signals abort too, until it is released. With AbortSignal.any, Node 20 keeps each
 * dependent signal for as long as its sources live, which here is as long as the process.
 */
export class LinkedAbort {
  private readonly controller = new AbortController();
  private readonly follow = (): void => this.abort();

  /** Call `release` or `abort` at the end of the step that needs the signal. */
  constructor(private readonly sources: readonly AbortSignal[]) {
    if (sources.some(({ aborted }) => aborted)) this.controller.abort(ENDED);
    else for (const source of sources) source.addEventListener('abort', this.follow);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  abort(): void {
    this.release();
    this.controller.abort(ENDED);
  }

  /** From now on the sources no longer abort it. */
  release(): void {
    for (const source of this.sources) source.removeEventListener('abort', this.follow);
  }
}
