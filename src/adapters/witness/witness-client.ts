import { RetryableError } from '../../ports/errors.js';
import type { AskedWitness, WitnessReply } from '../../ports/witness.js';
import { recordLimits } from '../../record-limits.js';

const OK = 200;
const CONFLICT = 409;
const SERVER_ERROR = 500;

/** A witness at an address of the operator's. It follows no redirect, so no answer chooses another address. */
export class WitnessClient implements AskedWitness {
  constructor(
    private readonly url: string,
    readonly verifierKey: string,
  ) {}

  async add(request: string): Promise<WitnessReply> {
    const { status, text } = await this.answer(request);
    if (status === OK) return { is: 'cosigned', lines: text };
    if (status === CONFLICT && /^\d{1,15}\n$/.test(text)) return { is: 'at', size: Number(text) };
    if (status >= SERVER_ERROR) throw new RetryableError(`the witness answers with ${status}`);
    return { is: 'refused', status };
  }

  private async answer(body: string): Promise<{ status: number; text: string }> {
    try {
      const response = await fetch(`${this.url}/add-checkpoint`, {
        ...{ method: 'POST', body, redirect: 'error' },
        headers: { 'content-type': 'text/plain; charset=utf-8' },
        signal: AbortSignal.timeout(recordLimits.witnessAnswerMs),
      });
      return { status: response.status, text: await boundedText(response) };
    } catch (error) {
      if (error instanceof RetryableError) throw error;
      throw new RetryableError('the witness does not answer', { cause: error });
    }
  }
}

async function boundedText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > recordLimits.witnessBodyBytesMax) throw new RetryableError('the answer of the witness is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
