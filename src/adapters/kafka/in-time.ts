import { limits } from '../../limits.js';
import { RetryableError } from '../../ports/errors.js';

/** The client's own deadlines do not cover all that it may wait for. Whoever is told to stop waits only a moment more. */
export function inTime<T>(answer: Promise<T>, stop: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new RetryableError('Kafka has not answered in time'));
    let late = setTimeout(giveUp, limits.relaySendMs);
    const hurry = () => {
      clearTimeout(late);
      late = setTimeout(giveUp, limits.relayFarewellMs);
    };
    if (stop.aborted) hurry();
    stop.addEventListener('abort', hurry, { once: true });
    const heard = () => {
      clearTimeout(late);
      stop.removeEventListener('abort', hurry);
    };
    answer.finally(heard).then(resolve, reject);
  });
}
