import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { BuildReport, Lag, ProjectionReport } from '../projections/queries/projection-reports.js';

class LagDocument implements Lag {
  @ApiProperty({ description: 'Of the log, not brought in yet. Counted up to a bound.' })
  events!: number;

  @ApiProperty({ description: 'Since the oldest of them happened.' })
  seconds!: number;
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
