import {
  Controller,
  ForbiddenException,
  Get,
  HttpCode,
  HttpStatus,
  NotFoundException,
  Param,
  Post,
} from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { ApiAcceptedResponse, ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, type Principal } from '../auth/principal.js';
import { RequireRole } from '../auth/role.guard.js';
import { DEFAULT_TENANT } from '../commands/open-default-tenant.js';
import { ListProjections } from '../projections/queries/projection-reports.js';
import { Rebuilds } from '../projections/rebuilds.js';
import { ApiProblems } from './problems.js';
import { ProjectionsDocument, ReplayedDocument } from './projection-documents.js';
import { Shows } from './sight.js';

/** The read models of the whole installation, for administrators of the default tenant. */
@ApiTags('Operations')
@ApiBearerAuth()
@RequireRole('admin')
@Shows('nothing')
@Controller('api/v1/projections')
export class ProjectionsController {
  constructor(
    private readonly queries: QueryBus,
    private readonly rebuilds: Rebuilds,
  ) {}

  @Get()
  @ApiOperation({ summary: 'List projections with their lag, parked streams and rebuild.' })
  @ApiOkResponse({ type: ProjectionsDocument })
  @ApiProblems('invalid_request', 'log_unavailable')
  async list(@CurrentPrincipal() principal: Principal): Promise<ProjectionsDocument> {
    requireOperator(principal);
    return { items: await this.queries.execute(new ListProjections()) };
  }

  @Post(':name/rebuild')
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiOperation({ summary: 'Rebuild a projection beside the live build, then swap them.' })
  @ApiAcceptedResponse({ description: 'GET shows the progress.' })
  @ApiProblems('projection_not_found', 'newer_version_running', 'rebuild_running')
  async rebuild(@CurrentPrincipal() principal: Principal, @Param('name') name: string): Promise<void> {
    requireOperator(principal);
    await this.rebuilds.begin(name);
  }

  @Post(':name/parked/replay')
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiOperation({ summary: 'Replay every parked stream of the projection from its beginning.' })
  @ApiAcceptedResponse({ type: ReplayedDocument })
  @ApiProblems('projection_not_found')
  async replayAll(@CurrentPrincipal() principal: Principal, @Param('name') name: string): Promise<ReplayedDocument> {
    requireOperator(principal);
    return { streams: await this.rebuilds.replayAll(name) };
  }

  @Post(':name/parked/:stream/replay')
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiOperation({ summary: 'Replay a parked stream from its beginning.' })
  @ApiAcceptedResponse({ description: 'The stream is parked again if the replay fails.' })
  @ApiProblems('projection_not_found', 'not_found')
  async replay(
    @CurrentPrincipal() principal: Principal,
    @Param('name') name: string,
    @Param('stream') stream: string,
  ): Promise<void> {
    requireOperator(principal);
    if (!(await this.rebuilds.replay(name, stream))) throw new NotFoundException();
  }
}

function requireOperator({ tenant }: Principal): void {
  if (tenant !== DEFAULT_TENANT) throw new ForbiddenException();
}
