import { Module } from '@nestjs/common';
import { Looks } from '../commands/looks.js';
import { PORTS } from './ports.module.js';
import { provider } from './provider.js';

const { log, codec, clock, ids } = PORTS;

/** The trail of looks at data of others. */
@Module({
  providers: [provider(Looks, { log, codec, clock, ids }, (parts) => new Looks(parts))],
  exports: [Looks],
})
export class AccessModule {}
