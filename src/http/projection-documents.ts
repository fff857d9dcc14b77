import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { BuildReport, ProjectionReport } from '../projections/queries/projection-reports.js';

type Lag = BuildReport['lag'];

export class ReplayedDocument {
  @ApiProperty({
    description: 'How many streams are parked. `replaying` in GET is true for each until it has been tried.',
  })
  streams!: number;
}

class LagDocument implements Lag {
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'Events that wait, counted up to a bound. null where the log cannot count: on EventStoreDB.',
  })
  events!: number | null;

  @ApiProperty({
    description: 'From its position to the end of the log, in positions: events in PostgreSQL, bytes in EventStoreDB.',
  })
  distance!: number;

  @ApiProperty({ description: 'The age of the oldest event that waits.' })
  seconds!: number;

  @ApiProperty({ description: 'More events may wait than `events` says, and the oldest may be younger.' })
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

  @ApiPropertyOptional({ type: PoisonedEventDocument, description: 'Absent when the trouble is not about an event.' })
  event?: PoisonedEventDocument;
}

class BuildDocument {
  @ApiProperty({ description: 'Each rebuild makes the next one.' })
  build!: number;

  @ApiProperty({ description: 'Of its shape and rules.' })
  version!: number;

  @ApiProperty({
    enum: ['following', 'parked', 'stopped'],
    description: 'parked: some streams wait. stopped: see poison.',
  })
  state!: BuildReport['state'];

  @ApiProperty({ description: 'In the log: opaque.' })
  position!: string;

  @ApiProperty({ type: LagDocument })
  lag!: LagDocument;

  @ApiProperty({ description: 'Events that it has brought in or set aside.' })
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

  @ApiProperty({ description: 'A replay was asked for, and has not been tried yet.' })
  replaying!: boolean;
}

class ProjectionDocument extends BuildDocument {
  @ApiProperty()
  name!: string;

  @ApiProperty({ type: [ParkedDocument], description: 'Streams whose later events wait.' })
  parked!: readonly ParkedDocument[];

  @ApiProperty({ type: BuildDocument, nullable: true, description: 'A new build that is being made beside it.' })
  rebuild!: BuildDocument | null;
}

export class ProjectionsDocument {
  @ApiProperty({ type: [ProjectionDocument] })
  items!: readonly ProjectionReport[];
}
