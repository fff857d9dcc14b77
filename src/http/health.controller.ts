import { Controller, Get, HttpStatus, Res } from '@nestjs/common';
import {
  ApiOkResponse,
  ApiOperation,
  ApiProperty,
  ApiPropertyOptional,
  ApiServiceUnavailableResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Readiness, type ReadinessReport } from './readiness.js';
import { Shows } from './sight.js';

const FINDINGS = ['ok', 'behind', 'failing', 'stopped', 'unavailable'];

class LifeDocument {
  @ApiProperty({ enum: ['live'] })
  status!: string;
}

class ReadinessDocument {
  @ApiProperty({ enum: ['ready', 'starting', 'draining', 'unavailable'] })
  status!: string;

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'string', enum: FINDINGS },
    example: { log: 'ok', readModels: 'ok' },
    description: 'State of each part, at most 3 s old. Only `unavailable` makes the process unready.',
  })
  checks!: Record<string, string>;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string' },
    example: { relay: 'topic verbatim.events.v1 has 3 partitions, and must have 12' },
    description: 'Why a check is not `ok`.',
  })
  reasons?: Record<string, string>;
}

@ApiTags('Operations')
@Shows('nothing')
@Controller('health')
export class HealthController {
  constructor(private readonly readiness: Readiness) {}

  @Get('live')
  @ApiOperation({ summary: 'Whether the process runs. Checks no store.' })
  @ApiOkResponse({ type: LifeDocument })
  live(): { status: 'live' } {
    return { status: 'live' };
  }

  @Get('ready')
  @ApiOperation({
    summary: 'Whether this process takes requests, with reasons. Answers without waiting for its stores.',
  })
  @ApiOkResponse({ type: ReadinessDocument })
  @ApiServiceUnavailableResponse({
    type: ReadinessDocument,
    headers: { 'Retry-After': { required: true, schema: { type: 'string' } } },
  })
  ready(@Res({ passthrough: true }) reply: FastifyReply): ReadinessReport {
    const report = this.readiness.report();
    if (report.status !== 'ready') {
      reply.status(HttpStatus.SERVICE_UNAVAILABLE).header('Retry-After', '1');
    }
    return report;
  }
}
