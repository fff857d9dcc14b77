import { aborted, content, finished, type Play, ScriptedModel } from '../support/scripted-model.js';
import { languageModelContract } from './language-model.contract.js';

languageModelContract('that tests script', async () => {
  let isHeld = false;
  const play: Play = async function* ({ body }, signal) {
    yield content('You asked: ');
    if (isHeld) return aborted(signal);
    yield content(JSON.parse(body).messages.at(-1).content);
    yield finished({ prompt_tokens: 1 });
  };
  const model = new ScriptedModel([play]);
  return {
    model,
    received: () => model.calls.length,
    open: () => model.running,
    hold() {
      isHeld = true;
    },
    async destroy() {},
  };
});
