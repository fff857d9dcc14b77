import { Controller, Get, HttpStatus, Inject, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Readiness, type ReadinessReport } from './readiness.js';

@ApiTags('Operations')
@Controller('health')
export class HealthController {
  constructor(@Inject(Readiness) private readonly readiness: Readiness) {}

  @Get('live')
  @ApiOperation({ summary: 'Whether the process runs. It asks nothing else.' })
  @ApiOkResponse({ schema: { example: { status: 'live' } } })
  live(): { status: 'live' } {
    return { status: 'live' };
  }

  @Get('ready')
  @ApiOperation({ summary: 'Whether requests should be sent here, with reasons.' })
  @ApiOkResponse({ schema: { example: { status: 'ready', checks: { log: 'ok' } } } })
  @ApiServiceUnavailableResponse({ schema: { example: { status: 'draining', checks: { log: 'ok' } } } })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<ReadinessReport> {
    const report = await this.readiness.report();
    if (report.status !== 'ready') {
      reply.status(HttpStatus.SERVICE_UNAVAILABLE).header('Retry-After', '1');
    }
    return report;
  }
}
