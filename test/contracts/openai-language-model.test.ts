import { OpenAiLanguageModel } from '../../src/adapters/openai/openai-language-model.js';
import { answer, delta, stall, startFakeProvider } from '../support/fake-provider.js';
import { languageModelContract } from './language-model.contract.js';

languageModelContract('of OpenAI', async () => {
  const provider = await startFakeProvider();
  let isHeld = false;
  let open = 0;
  provider.script = ({ body }) => {
    const question: string = JSON.parse(String(body)).messages.at(-1).content;
    const texts = ['You asked: ', question, '.'];
    open += 1;
    return [
      // A script ends, at its last step or because its client left: either closes the connection's response.
      ({ response }) => void response.once('close', () => (open -= 1)),
      ...(isHeld ? [delta('You asked'), stall] : answer(texts)),
    ];
  };
  return {
    model: new OpenAiLanguageModel({ baseUrl: provider.baseUrl }, { now: () => 0 }),
    received: () => provider.requests.length,
    open: () => open,
    hold() {
      isHeld = true;
    },
    destroy: () => provider.stop(),
  };
});
