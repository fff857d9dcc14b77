import type { Position, RecordedEvent } from '../events/envelope.js';
import type { Build } from '../ports/read-models/read-models.js';
import type { Tracer } from '../ports/tracer.js';

export interface StepTracing {
  /** Absent if tracing is off. */
  readonly tracer?: Pick<Tracer, 'stepBegun'> | undefined;
}

interface TracedStep {
  readonly events: readonly RecordedEvent[];
  readonly from: Position;
  readonly to: Position;
}

/** Applies a step. One that moves the checkpoint alone is not traced: an idle log makes many of them. */
export async function traced(
  { tracer }: StepTracing,
  { projection, build }: Build,
  step: TracedStep,
  apply: () => Promise<void>,
): Promise<void> {
  if (!tracer || step.events.length === 0) return apply();
  const span = tracer.stepBegun({ projection, build, ...step });
  try {
    await apply();
    span.end();
  } catch (error) {
    span.end(error);
    throw error;
  }
}
