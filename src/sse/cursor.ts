/**
 * How many events of a conversation's ledger, and of the open generation's tape, a client has seen. One generation is
 * open at a time, so the pair is exact.
 */
export interface Cursor {
  readonly ledger: number;
  /** Back to 0 once the generation is finalized. */
  readonly tape: number;
}

const CURSOR = /^(0|[1-9]\d{0,9}):(0|[1-9]\d{0,9})$/;

export function parseCursor(text: string): Cursor | undefined {
  const [, ledger, tape] = CURSOR.exec(text) ?? [];
  return ledger !== undefined && tape !== undefined ? { ledger: Number(ledger), tape: Number(tape) } : undefined;
}

export function formatCursor({ ledger, tape }: Cursor): string {
  return `${ledger}:${tape}`;
}
