import { TurnClient } from './turn-client.js';
import type { Service } from './turn-feed.js';
import type { TurnJournal } from './turn-journal.js';

/** People who use a chat in each way that there is, at the same time. Over when everything that they asked has ended. */
export async function runLoad(service: Service, journal: TurnJournal, round = ''): Promise<void> {
  const people = Object.entries({ asking, askingOften: asking, queueing, regenerating, cancelling, interrupting });
  await Promise.all(
    people.map(async ([name, act], nth) => {
      // Half of them leave their feed every now and then, and come back with the last id that they saw.
      const client = await TurnClient.start(service, journal, name + round, nth % 2 === 0 ? 5 : undefined);
      await act(client);
      await client.leave();
    }),
  );
}

async function asking(client: TurnClient): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await client.ended(await client.send());
}

async function queueing(client: TurnClient): Promise<void> {
  const asked = [await client.send(), await client.send('enqueue'), await client.send('enqueue')];
  for (const generation of asked) await client.ended(generation);
}

async function regenerating(client: TurnClient): Promise<void> {
  let generation = await client.send();
  for (let turn = 0; turn < 2; turn++) {
    await client.ended(generation);
    generation = await client.regenerate(generation);
  }
  await client.ended(generation);
}

async function cancelling(client: TurnClient): Promise<void> {
  const first = await client.send();
  await client.begun(first);
  await client.cancel(first);
  await client.ended(first);
  const second = await client.send();
  await client.cancel(second);
  await client.ended(second);
  await client.ended(await client.send());
}

async function interrupting(client: TurnClient): Promise<void> {
  const first = await client.send();
  await client.begun(first);
  const second = await client.send('interrupt');
  await client.ended(first);
  await client.ended(second);
}
