import { Controller, Get, NotFoundException, Param, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CurrentPrincipal, type Principal } from '../auth/principal.js';
import type { Look } from '../domain/access.js';
import { Shown } from '../projections/queries/shown.js';
import { cursorIn } from '../sse/cursor.js';
import { type OwnedRun, RunReader } from '../sse/run-reader.js';
import { ApiProblems } from './problems.js';
import { DeltasDocument, RunDocument } from './run-document.js';
import { CurrentSight, Shows, type Sight } from './sight.js';

/** One generation for auditors: the message, the exact request, the response and the times. */
@ApiTags('Prompt runs')
@ApiBearerAuth()
@Shows('others')
@Controller('api/v1/runs/:generationId')
export class RunsController {
  constructor(
    private readonly runs: RunReader,
    private readonly shown: Shown,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Show everything recorded of one generation. Null: unknown, or not known yet.' })
  @ApiOkResponse({ type: RunDocument })
  @ApiProblems('invalid_request', 'generation_not_found', 'log_unavailable')
  async run(
    @CurrentPrincipal() principal: Principal,
    @CurrentSight() sight: Sight,
    @Param('generationId') id: string,
  ): Promise<RunDocument> {
    const run = await this.runs.run(id, principal);
    await sight.of(lookAt('run', id, { conversation: run.conversation, owner: run.user }));
    const last = run.events.at(-1);
    if (last) this.shown.note(principal, run.conversation, cursorIn('cursor', last.cursor));
    return run;
  }

  @Get('request')
  @ApiOperation({ summary: 'The exact bytes that were sent, rebuilt from the log and checked against their hash.' })
  @ApiProduces('application/json')
  @ApiOkResponse({
    schema: { type: 'object' },
    headers: { 'Repr-Digest': { description: 'RFC 9530, SHA-256.', required: true, schema: { type: 'string' } } },
  })
  @ApiProblems('invalid_request', 'generation_not_found', 'not_found', 'record_damaged', 'log_unavailable')
  async request(
    @CurrentPrincipal() principal: Principal,
    @CurrentSight() sight: Sight,
    @Param('generationId') id: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const request = await this.runs.request(id, principal);
    if (!request) throw new NotFoundException();
    await sight.of(lookAt('run_request', id, request));
    await reply
      .headers({
        'content-type': 'application/json',
        'repr-digest': `sha-256=:${request.sha256.toString('base64')}:`,
      })
      .send(request.body);
  }

  @Get('deltas')
  @ApiOperation({ summary: 'The pieces of the response, of the attempt that counts or the latest so far.' })
  @ApiOkResponse({ type: DeltasDocument })
  @ApiProblems('invalid_request', 'generation_not_found', 'log_unavailable')
  async deltas(
    @CurrentPrincipal() principal: Principal,
    @CurrentSight() sight: Sight,
    @Param('generationId') id: string,
  ): Promise<DeltasDocument> {
    const { items, ...run } = await this.runs.deltas(id, principal);
    await sight.of(lookAt('run_deltas', id, run));
    return { items };
  }
}

export function lookAt(what: Look['what'], id: string, { conversation, owner }: OwnedRun): Look {
  const within = { kind: 'conversation', id: conversation } as const;
  return { what, objects: [{ kind: 'run', id }, within], owner };
}
