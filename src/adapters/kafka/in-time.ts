import { limits } from '../../limits.js';
import { RetryableError } from '../../ports/errors.js';

/** The client's own deadlines do not cover every wait. After `stop` is aborted, the wait ends soon. */
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
    const settled = () => {
      clearTimeout(late);
      stop.removeEventListener('abort', hurry);
    };
    answer.finally(settled).then(resolve, reject);
  });
}
