import { limits } from '../limits.js';
import { bytesUpTo, TooLong } from './bounded-bytes.js';
import { CommandFailed, reasonOf, UsageError } from './failures.js';
import { visible } from './visible.js';

export interface ApiPlace {
  readonly url: string;
  readonly key: string;
}

/** The server refused the request, with its message. */
export class Refused extends CommandFailed {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** The server did not answer, or is unavailable. It may be restarting. */
export class ServerAway extends CommandFailed {}

/** A path of the API. Each inserted value is escaped to one segment. */
export function pathOf(...segments: readonly string[]): string {
  const wrong = segments.find((segment) => /^\.{0,2}$/.test(segment));
  if (wrong !== undefined) throw new UsageError(`"${wrong}" is neither a name nor an id`);
  return `/api/v1/${segments.map(encodeURIComponent).join('/')}`;
}

/** A client of the public API of a running server. */
export class Api {
  constructor(private readonly place: ApiPlace) {}

  async get<T>(path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<T> {
    const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const search = given.length > 0 ? `?${new URLSearchParams(given)}` : '';
    const response = await this.call('GET', `${path}${search}`);
    if (!typeOf(response).startsWith('application/json')) {
      await response.body?.cancel();
      throw new CommandFailed(`${this.place.url} answers, but is not Verbatim`);
    }
    return (await this.whole(response.json())) as T;
  }

  async post(path: string): Promise<void> {
    await this.whole((await this.call('POST', path)).arrayBuffer());
  }

  async bytes(
    path: string,
    bytesMax = Number.POSITIVE_INFINITY,
  ): Promise<{ readonly bytes: Buffer; readonly headers: Headers }> {
    const response = await this.call('GET', path);
    const body = response.body ?? new Blob([]).stream();
    const bytes = await this.whole(bytesUpTo(bytesMax, `the answer to ${path}`, body));
    return { bytes, headers: response.headers };
  }

  private async call(method: string, path: string): Promise<Response> {
    const response = await this.whole(
      fetch(`${this.place.url}${path}`, {
        method,
        // The bytes are compared with a hash, so no proxy may compress them.
        headers: { authorization: `Bearer ${this.place.key}`, 'accept-encoding': 'identity' },
        redirect: 'error',
        signal: AbortSignal.timeout(limits.commandAnswerMs),
      }),
    );
    if (!response.ok) throw refusal(response.status, await problemIn(response));
    return response;
  }

  private async whole<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof TooLong) throw error;
      const why = reasonOf(error).replace('fetch failed: ', '');
      throw new ServerAway(
        `No answer from ${this.place.url} (${why}): does a server run there? Give its address with --url`,
      );
    }
  }
}

const typeOf = (response: Response): string => response.headers.get('content-type') ?? '';

interface ProblemResponse {
  readonly code?: unknown;
  readonly title?: unknown;
  readonly detail?: unknown;
}

/** For an answer that is not from Verbatim, such as a proxy's, only the status is shown. */
async function problemIn(response: Response): Promise<ProblemResponse> {
  if (!typeOf(response).startsWith('application/problem+json')) {
    await response.body?.cancel();
    return {};
  }
  return (await response.json().catch(() => ({}))) as ProblemResponse;
}

function refusal(status: number, { code, title, detail }: ProblemResponse): CommandFailed | UsageError {
  const said = [detail, title].find((text) => typeof text === 'string');
  const message = said === undefined ? `The server answers with ${status}` : `${said} (${status} ${code})`;
  // The server refused an option or an argument. The 400 of a proxy has no code.
  if (status === 400 && typeof code === 'string') return new UsageError(visible(message));
  return status === 503 ? new ServerAway(visible(message)) : new Refused(visible(message), status);
}
