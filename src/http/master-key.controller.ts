import { Controller, ForbiddenException, Get, HttpCode, HttpStatus, Post } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, type Principal } from '../auth/principal.js';
import { RequireRole } from '../auth/role.guard.js';
import { DEFAULT_TENANT } from '../commands/open-default-tenant.js';
import { MasterRotation, type RotationProgress } from '../keyring/master-rotation.js';
import { ApiProblems } from './problems.js';
import { Shows } from './sight.js';

class RewrappedKeysDocument {
  @ApiProperty({ type: 'integer', minimum: 0, description: 'Living keys under the current generation.' })
  done!: number;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'All living keys.' })
  total!: number;
}

class RotationDocument implements RotationProgress {
  @ApiProperty({
    type: 'integer',
    minimum: 1,
    nullable: true,
    description: 'The current one. Null before the first key.',
  })
  generation!: number | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When it became the current one.' })
  beganAt!: string | null;

  @ApiProperty({
    enum: ['running', 'waiting', 'done'],
    description: '`waiting`: every key is wrapped again, and the operator has to remove the old master key.',
  })
  state!: RotationProgress['state'];

  @ApiProperty({ type: RewrappedKeysDocument })
  keys!: RewrappedKeysDocument;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description:
      'When the last old master key was destroyed. Older copies of keys are unreadable since then. Null during a rotation.',
  })
  copiesUnreadableAt!: string | null;
}

/** The master key of the whole installation, for administrators of the default tenant. */
@ApiTags('Operations')
@ApiBearerAuth()
@RequireRole('admin')
@Shows('nothing')
@Controller('api/v1/keys/rotate-master')
export class MasterKeyController {
  constructor(private readonly rotation: MasterRotation) {}

  @Post()
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiOperation({
    summary: 'Replace the master key: wrap all keys again, then destroy the old master key.',
    description: 'A process with the role `projections` does it. A rotation that runs is not begun again.',
  })
  @ApiAcceptedResponse({ type: RotationDocument })
  @ApiProblems('no_newer_master_key', 'key_missing', 'unavailable')
  async rotate(@CurrentPrincipal() principal: Principal): Promise<RotationDocument> {
    requireOperator(principal);
    await this.rotation.begin();
    return this.rotation.progress();
  }

  @Get()
  @ApiOperation({ summary: 'Show the progress of the last rotation of the master key.' })
  @ApiOkResponse({ type: RotationDocument })
  @ApiProblems('unavailable')
  async progress(@CurrentPrincipal() principal: Principal): Promise<RotationDocument> {
    requireOperator(principal);
    return this.rotation.progress();
  }
}

function requireOperator({ tenant }: Principal): void {
  if (tenant !== DEFAULT_TENANT) throw new ForbiddenException();
}
