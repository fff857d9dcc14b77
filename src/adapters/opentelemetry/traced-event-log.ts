import { SpanKind } from '@opentelemetry/api';
import type { NewEvent } from '../../events/envelope.js';
import type { AppendOptions, AppendOutcome, EventLog, ExpectedRevision } from '../../ports/event-log.js';
import { categoryOf } from '../../ports/log-rules.js';
import { ForwardedLog } from '../event-log/forwarded-log.js';
import { failSpan, type Spans, traceparentIn, typeOfError } from './spans.js';

/** A log whose appends are spans, below the span that their events name. */
export class TracedEventLog extends ForwardedLog implements EventLog {
  constructor(
    protected readonly log: EventLog,
    /** As the conventions name the engine. */
    private readonly system: 'postgresql' | 'eventstoredb',
    private readonly spans: Spans,
  ) {
    super();
  }

  async append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
    options?: AppendOptions,
  ): Promise<AppendOutcome> {
    const parent = events[0] && traceparentIn(events[0]);
    if (parent === undefined || events.every(isDelta)) return this.log.append(stream, expected, events, options);
    const category = categoryOf(stream);
    const span = this.spans.begin({
      name: `append ${category}`,
      kind: SpanKind.CLIENT,
      attributes: {
        'db.system.name': this.system,
        'db.operation.name': 'append',
        'db.collection.name': category,
        'verbatim.append.events': events.length,
      },
      parent,
    });
    try {
      const answer = await this.log.append(stream, expected, events, options);
      span.setAttribute('verbatim.append.outcome', answer.outcome);
      if (answer.outcome === 'unavailable') failSpan(span, answer.outcome);
      return answer;
    } catch (error) {
      failSpan(span, typeOfError(error));
      throw error;
    } finally {
      span.end();
    }
  }

  findCommand(command: string) {
    return this.log.findCommand(command);
  }
}

/** An answer appends its text up to 20 times a second. The span of its attempt counts the deltas instead. */
const isDelta = ({ type }: NewEvent): boolean => type === 'DeltaReceived';
