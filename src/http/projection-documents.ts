import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { BuildReport, ProjectionReport } from '../projections/queries/projection-reports.js';

type ReportedLag = BuildReport['lag'];

export class ReplayedDocument {
  @ApiProperty({
    description: 'Number of parked streams. GET shows `replaying` for each until its replay was tried.',
  })
  streams!: number;
}

class LagDocument implements ReportedLag {
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'Events not applied yet, counted up to a limit. null on EventStoreDB, which does not count events.',
  })
  events!: number | null;

  @ApiProperty({
    description: 'Distance from its position to the end of the log: events in PostgreSQL, bytes in EventStoreDB.',
  })
  distance!: number;

  @ApiProperty({ description: 'Age of the oldest event not applied yet.' })
  seconds!: number;

  @ApiProperty({ description: 'There may be more events than `events` says, and the oldest may be younger.' })
  estimated!: boolean;
}

class PoisonedEventDocument {
  @ApiProperty()
  id!: string;

  @ApiProperty()
  stream!: string;

  @ApiProperty()
  revision!: number;

  @ApiProperty()
  type!: string;

  @ApiPropertyOptional()
  position?: string;
}

class PoisonDocument {
  @ApiProperty()
  reason!: string;

  @ApiPropertyOptional({
    type: PoisonedEventDocument,
    description: 'The event that caused the stop. Absent when no event did.',
  })
  event?: PoisonedEventDocument;
}

class BuildDocument {
  @ApiProperty({ description: 'Number of the build. Each rebuild makes the next one.' })
  build!: number;

  @ApiProperty({ description: 'Version of its tables and rules.' })
  version!: number;

  @ApiProperty({
    enum: ['following', 'parked', 'stopped'],
    description: 'parked: some streams are parked. stopped: see poison.',
  })
  state!: BuildReport['state'];

  @ApiProperty({ description: 'Position in the log: opaque.' })
  position!: string;

  @ApiProperty({ type: LagDocument })
  lag!: LagDocument;

  @ApiProperty({ description: 'Events that it has applied or parked.' })
  handled!: number;

  @ApiProperty({ type: PoisonDocument, nullable: true })
  poison!: PoisonDocument | null;
}

class ParkedDocument {
  @ApiProperty()
  stream!: string;

  @ApiProperty({ type: PoisonDocument })
  poison!: PoisonDocument;

  @ApiProperty({ format: 'date-time' })
  at!: string;

  @ApiProperty({ description: 'A replay was requested and has not been tried yet.' })
  replaying!: boolean;
}

class ProjectionDocument extends BuildDocument {
  @ApiProperty()
  name!: string;

  @ApiProperty({
    type: [ParkedDocument],
    description: 'Streams that were set aside because an event could not be applied.',
  })
  parked!: readonly ParkedDocument[];

  @ApiProperty({ type: BuildDocument, nullable: true, description: 'The new build, during a rebuild.' })
  rebuild!: BuildDocument | null;
}

export class ProjectionsDocument {
  @ApiProperty({ type: [ProjectionDocument] })
  items!: readonly ProjectionReport[];
}
