import { setTimeout as sleep } from 'node:timers/promises';

export interface Wait {
  readonly what: string;
  /** On the clock of the test, as the moments of kills are. */
  readonly begunMs: number;
  readonly ms: number;
  /** A process was killed while it had this request. */
  readonly isCut: boolean;
}

export interface Service {
  readonly over: AbortSignal;
  readonly addresses: () => readonly string[];
  readonly waits: Wait[];
  /** Answers that no bystander should get. */
  readonly wrong: string[];
}

/** A member with one conversation, who renames it, reads it and lists it, and expects to see each change at once. */
export async function reading(service: Service, key: string, name: string): Promise<void> {
  const { id } = await asked(service, key, 'start', 'POST', '/conversations', { title: name }, `${name}-start`);
  for (let turn = 0; !service.over.aborted; turn++) {
    const title = `${name} ${turn}`;
    const path = `/conversations/${id}`;
    // Once more with the same title changes nothing, so a cut request can be repeated.
    const { cursor } = await asked(service, key, 'rename', 'PATCH', path, { title });
    const shown = await asked(service, key, 'read', 'GET', `${path}?min=${cursor}`);
    if (shown.title !== title) service.wrong.push(`${name} reads ${shown.title} for ${title}`);
    // Without `min` the other process may list what was there before the conversation.
    const { items } = await asked(service, key, 'list', 'GET', `/conversations?limit=5&min=${id}@${cursor}`);
    const listed = items.find((item: { id: string }) => item.id === id);
    if (listed?.title !== title) service.wrong.push(`${name} is listed as ${listed?.title} for ${title}`);
    await sleep(100, undefined, { signal: service.over }).catch(() => {});
  }
}

/** Asked until one of the processes answers, at the next one as soon as the one before it is gone. */
async function asked(
  service: Service,
  key: string,
  what: string,
  method: string,
  path: string,
  body?: object,
  idempotencyKey?: string,
) {
  const begun = performance.now();
  let isCut = false;
  for (;;) {
    const [address] = service.addresses();
    const answer = address === undefined ? undefined : await answerOf(address, key, method, path, body, idempotencyKey);
    if (answer === undefined) {
      isCut = true;
      await sleep(10);
      continue;
    }
    service.waits.push({ what, begunMs: begun, ms: performance.now() - begun, isCut });
    if (!answer.ok) service.wrong.push(`${what} was answered ${answer.status}: ${answer.text}`);
    return JSON.parse(answer.text);
  }
}

async function answerOf(
  address: string,
  key: string,
  method: string,
  path: string,
  body?: object,
  idempotencyKey?: string,
): Promise<{ ok: boolean; status: number; text: string } | undefined> {
  try {
    const response = await fetch(`${address}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        connection: 'close',
        ...(body && { 'content-type': 'application/json' }),
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { ok: response.ok, status: response.status, text: await response.text() };
  } catch {
    // The process is gone, and with it the answer.
    return undefined;
  }
}
