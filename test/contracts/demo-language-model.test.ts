import { DemoLanguageModel } from '../../src/adapters/demo/demo-language-model.js';
import { aborted } from '../support/scripted-model.js';
import { languageModelContract } from './language-model.contract.js';

/** It answers in this process and pauses before each piece: a call has reached it once it pauses for the first time. */
languageModelContract('of the demo', async () => {
  let isHeld = false;
  let open = 0;
  const callers = new Map<AbortSignal, number>();
  const clock = {
    async sleep(_: number, signal?: AbortSignal) {
      if (!signal) throw new Error('a pause that nothing ends');
      const pauses = (callers.get(signal) ?? 0) + 1;
      callers.set(signal, pauses);
      open += 1;
      if (isHeld && pauses > 1) await aborted(signal);
      open -= 1;
    },
  };
  return {
    model: new DemoLanguageModel(clock),
    received: () => callers.size,
    open: () => open,
    hold() {
      isHeld = true;
    },
    async destroy() {},
  };
});
