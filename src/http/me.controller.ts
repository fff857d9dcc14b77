import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, type Principal } from '../auth/principal.js';
import { ApiProblems } from './problems.js';
import { Shows } from './sight.js';

class Me {
  @ApiProperty()
  tenant!: string;

  @ApiProperty()
  user!: string;

  @ApiProperty({ enum: ['member', 'auditor', 'admin'] })
  role!: string;
}

@ApiTags('Authentication')
@ApiBearerAuth()
@Shows('own')
@Controller('api/v1/me')
export class MeController {
  @Get()
  @ApiOperation({ summary: 'Show the tenant, user and role of this key.' })
  @ApiOkResponse({ type: Me })
  @ApiProblems()
  me(@CurrentPrincipal() { tenant, user, role }: Principal): Me {
    return { tenant, user, role };
  }
}
