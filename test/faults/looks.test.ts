import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ChatLog } from '../support/chat-log.js';
import { ADMIN_KEY, type ServerProcess } from '../support/failpoint-process.js';
import { type Failpoint, IN_A_LOOK } from '../support/failpoints.js';
import { recordedLooks } from '../support/trail.js';
import { TurnGround, type TurnStores } from '../support/turn-ground.js';
import { until } from '../support/until.js';

const SECRET = 'of the merger';

let ground: TurnGround;
beforeAll(async () => {
  ground = await TurnGround.prepare();
});
afterAll(() => ground.clear());

interface Answered {
  readonly status: number;
  readonly text: string;
}

/** Undefined if the process died before it answered. */
async function get(address: string | undefined, path: string): Promise<Answered | undefined> {
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  const answer = await fetch(`${address}/api/v1/${path}`, { headers }).catch(() => undefined);
  const text = await answer?.text().catch(() => undefined);
  return answer && text !== undefined ? { status: answer.status, text } : undefined;
}

/** A conversation of a user, which the administrator may read. */
const chatIn = async ({ log }: TurnStores): Promise<string> =>
  (await new ChatLog(log, undefined, { tenant: 'default', owner: 'ada' }).started(SECRET)).id;

async function withServers(
  stores: TurnStores,
  diesAt: readonly (Failpoint | undefined)[],
  work: (servers: readonly ServerProcess[], addresses: readonly (string | undefined)[]) => Promise<void>,
): Promise<void> {
  const { environment } = stores;
  const servers = diesAt.map((failpoint) =>
    ground.server({ environment, ...(failpoint && { dieAt: { failpoint, hit: 1 } }) }),
  );
  try {
    const addresses = [];
    for (const server of servers) addresses.push(await server.begin());
    await work(servers, addresses);
  } catch (cause) {
    throw new Error(`${cause}; the servers said:\n${servers.map(({ said }) => said).join('\n')}`, { cause });
  } finally {
    await Promise.all(servers.map((server) => server.destroy()));
  }
}

interface Trail {
  readonly items: readonly { readonly actor: string; readonly role: string; readonly owner: string }[];
}

const trailOf = async (address: string | undefined, object: string): Promise<Trail['items']> => {
  const answer = await get(address, `access?object=${object}`);
  return (JSON.parse(answer?.text ?? '') as Trail).items;
};

describe('a look at data of another', () => {
  it.each(IN_A_LOOK)(
    'is shown to no client by a process that dies at %s, and leaves one record at most',
    async (failpoint) => {
      await ground.withStores(async (stores) => {
        const left = failpoint === 'after-look' ? 1 : 0;
        let chat = '';
        await withServers(stores, [failpoint], async ([server], [address]) => {
          // Only a process that has started creates the log.
          chat = await chatIn(stores);
          expect(await get(address, `conversations/${chat}`)).toBeUndefined();
          expect([await server?.ended, server?.hit?.failpoint]).toEqual(['SIGKILL', failpoint]);
          expect(await recordedLooks(stores.log)).toHaveLength(left);
        });
        await withServers(stores, [undefined], async (_, [address]) => {
          for (let times = 0; times < 3; times++) {
            expect((await get(address, `conversations/${chat}`))?.text).toContain(SECRET);
          }
          const looks = await recordedLooks(stores.log);
          expect(looks.map(({ revision, data }) => [revision, data.object.id])).toEqual(
            Array.from({ length: left + 1 }, () => [0, chat]),
          );
          // The new process has recorded one of them, and another process the rest.
          await until(async () => (await trailOf(address, chat)).length === left + 1);
        });
      });
    },
  );

  it('is recorded once by each of two processes, without a conflict, and both are in the trail of either', async () => {
    await ground.withStores(async (stores) => {
      await withServers(stores, [undefined, undefined], async (servers, addresses) => {
        const chats: string[] = [];
        for (let nth = 0; nth < 20; nth++) chats.push(await chatIn(stores));
        const answers = await Promise.all(
          [...chats, ...chats].flatMap((chat) => addresses.map((address) => get(address, `conversations/${chat}`))),
        );
        expect(answers.filter((answer) => answer?.status !== 200)).toEqual([]);
        const looks = await recordedLooks(stores.log);
        const objects = looks.map(({ data }) => data.object.id).sort();
        expect(objects).toEqual([...chats, ...chats].sort());
        expect(new Set(looks.map(({ stream }) => stream)).size).toBe(2);
        const refused = servers.flatMap((server) =>
          server.refused.filter(({ stream }) => stream.startsWith('access-')),
        );
        expect(refused).toEqual([]);
        for (const address of addresses) {
          await until(async () => (await trailOf(address, chats[0] ?? '')).length === 2);
          const by = { actor: 'admin', role: 'admin', owner: 'ada' };
          expect(await trailOf(address, chats[0] ?? '')).toMatchObject([by, by]);
        }
      });
    });
  });
});
