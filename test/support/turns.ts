import { CommandBus } from '@nestjs/cqrs';
import { CancelGeneration } from '../../src/commands/endings.js';
import type { WritingCaller } from '../../src/commands/origin.js';
import { StartConversation } from '../../src/commands/start-conversation.js';
import { SendMessage } from '../../src/commands/turns.js';
import { answerText } from '../../src/domain/texts.js';
import type { LanguageModel } from '../../src/ports/language-model.js';
import { startHttpApp } from './http-app.js';
import { memoryEngines } from './memory-engines.js';
import { typedEvents, wholeStream } from './new-events.js';
import { until } from './until.js';

export const ada: WritingCaller = { tenant: 'default', user: 'ada', traceId: 'trace-1' };

/** The product in this process on engines in memory, with a model of the test's. Another one may share its engines. */
export async function startTurns(model: LanguageModel, environment = {}, engines = memoryEngines()) {
  const shared = { ...engines, models: new Map([['demo', model]]) };
  const http = await startHttpApp(shared, environment);
  await http.app.init();
  const bus = http.app.get(CommandBus);

  const events = async (stream: string) => {
    return typedEvents(await wholeStream(engines.log, stream));
  };
  const ledger = (conversation: string) => events(`conversation-${conversation}`);
  const tape = (generation: string) => events(`generation-${generation}`);
  const end = async (conversation: string, generation: string) => {
    const all = await ledger(conversation);
    return all.flatMap((event) =>
      event.type === 'GenerationFinalized' && event.data.generationId === generation
        ? [{ ...event.data, text: answerText(event.data.blocks) }]
        : [],
    );
  };
  return {
    engines,
    http,
    bus,
    ledger,
    tape,
    log: http.log,
    start: async (caller = ada) => (await bus.execute(new StartConversation(caller, {}))).id,
    async send(conversation: string, content: string, options = {}, caller = ada) {
      const asking = { options };
      const sent = await bus.execute(new SendMessage(caller, conversation, { content, origin: 'person' }, asking));
      if (!('generationId' in sent)) throw new Error('nothing was asked');
      return sent.generationId;
    },
    cancel: (conversation: string, generation: string) =>
      bus.execute(new CancelGeneration(ada, conversation, generation)),
    /** How it ended; fails when it ended more than once. */
    async ended(conversation: string, generation: string) {
      await until(async () => (await end(conversation, generation)).length > 0);
      const [result, ...again] = await end(conversation, generation);
      if (!result || again.length > 0) throw new Error(`${generation} ended ${again.length + 1} times`);
      return result;
    },
    /** What has been committed of an answer. */
    async text(generation: string) {
      const all = await tape(generation);
      return all.map((event) => (event.type === 'DeltaReceived' ? event.data.text : '')).join('');
    },
    types: async (stream: string) => (await events(stream)).map(({ type }) => type),
    stop: () => http.close(),
  };
}

export type Turns = Awaited<ReturnType<typeof startTurns>>;
