import { Body, Controller, Param, Patch, Post, Put } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import {
  ApiBearerAuth,
  ApiBody,
  ApiCreatedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiProperty,
  ApiTags,
} from '@nestjs/swagger';
import { ChangeConversation } from '../commands/change-conversation.js';
import type { Caller, WritingCaller } from '../commands/origin.js';
import { SelectBranch } from '../commands/select-branch.js';
import { StartConversation } from '../commands/start-conversation.js';
import { Shown } from '../projections/queries/shown.js';
import { cursorIn } from '../sse/cursor.js';
import { ApiIdempotencyKey, CurrentCaller, CurrentWriter } from './caller.js';
import {
  ChangeConversationBody,
  SelectBranchBody,
  StartConversationBody,
  withPlainParams,
} from './conversation-bodies.js';
import { ApiProblems, OF_A_BODY } from './problems.js';
import { Shows } from './sight.js';
import { EffectDocument } from './turn-documents.js';

class StartedConversation extends EffectDocument {
  @ApiProperty()
  id!: string;
}

@ApiTags('Conversations')
@ApiBearerAuth()
@Shows('own')
@Controller('api/v1/conversations')
export class ConversationsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly shown: Shown,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Start a conversation. Every field is optional.' })
  @ApiIdempotencyKey()
  @ApiCreatedResponse({ type: StartedConversation })
  @ApiProblems(
    ...OF_A_BODY,
    'value_refused',
    'content_too_long',
    'text_malformed',
    'provider_not_configured',
    'idempotency_key_reused',
    'log_unavailable',
  )
  @ApiBody({ type: StartConversationBody, required: false })
  async start(
    @CurrentWriter() caller: WritingCaller,
    @Body() body: StartConversationBody,
  ): Promise<StartedConversation> {
    const started = await this.commands.execute(new StartConversation(caller, withPlainParams(body)));
    return this.shownTo(caller, started.id, started);
  }

  @Patch(':id')
  @ApiOperation({
    summary: 'Change the settings of a conversation. They apply to turns that start later.',
  })
  @ApiOkResponse({ type: EffectDocument })
  @ApiProblems(
    ...OF_A_BODY,
    'conversation_not_found',
    'conversation_full',
    'value_refused',
    'content_too_long',
    'text_malformed',
    'provider_not_configured',
    'log_unavailable',
  )
  async change(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Body() body: ChangeConversationBody,
  ): Promise<EffectDocument> {
    return this.shownTo(
      caller,
      id,
      await this.commands.execute(new ChangeConversation(caller, id, withPlainParams(body))),
    );
  }

  @Put(':id/branch')
  @ApiOperation({ summary: 'Select the branch that is shown and that the next message follows.' })
  @ApiOkResponse({ type: EffectDocument })
  @ApiProblems(
    ...OF_A_BODY,
    'conversation_not_found',
    'conversation_full',
    'leaf_not_found',
    'leaf_is_note',
    'log_unavailable',
  )
  async selectBranch(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Body() { leaf }: SelectBranchBody,
  ): Promise<EffectDocument> {
    return this.shownTo(caller, id, await this.commands.execute(new SelectBranch(caller, id, leaf)));
  }

  private shownTo<Answer extends EffectDocument>(caller: Caller, id: string, answer: Answer): Answer {
    this.shown.note(caller, id, cursorIn('cursor', answer.cursor));
    return answer;
  }
}
