import { Controller, Get, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Shows } from './sight.js';

/** The metrics of this process as a text, with its content type. */
export abstract class Exposition {
  abstract readonly contentType: string;
  abstract text(): Promise<string>;
}

@ApiTags('Operations')
@Shows('nothing')
@Controller('metrics')
export class MetricsController {
  constructor(private readonly exposition: Exposition) {}

  @Get()
  @ApiOperation({ summary: 'The metrics of this process, in the text format of Prometheus.' })
  @ApiProduces('text/plain')
  @ApiOkResponse({ schema: { type: 'string' } })
  async metrics(@Res() reply: FastifyReply): Promise<void> {
    await reply.type(this.exposition.contentType).send(await this.exposition.text());
  }
}
