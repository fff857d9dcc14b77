import { Module, type OnApplicationBootstrap } from '@nestjs/common';
import { MasterRotation } from '../keyring/master-rotation.js';
import { RotationWork } from '../keyring/rotation-work.js';
import { BackgroundModule, RUNNER_PARTS } from './background.module.js';
import { BackgroundWork } from './background-work.js';
import { PORTS } from './ports.module.js';
import { provider } from './provider.js';

const { valueKeys, clock, hints } = PORTS;

/** The rotation of the master key: the role `api` begins one and shows its progress. */
@Module({
  providers: [
    provider(
      MasterRotation,
      { valueKeys, clock, hints },
      ({ valueKeys, clock, hints }) =>
        new MasterRotation({
          ...{ store: valueKeys.store, keys: valueKeys.keys, open: () => valueKeys.open() },
          ...{ clock, hints },
        }),
    ),
  ],
  exports: [MasterRotation],
})
export class MasterKeyModule {}

/** The role `projections` completes rotations, one process at a time. */
@Module({
  imports: [MasterKeyModule, BackgroundModule],
  providers: [
    provider(
      RotationWork,
      { rotation: MasterRotation, parts: RUNNER_PARTS },
      ({ rotation, parts }) => new RotationWork(rotation, parts),
    ),
  ],
})
export class MasterKeyRoleModule implements OnApplicationBootstrap {
  constructor(
    private readonly work: RotationWork,
    private readonly background: BackgroundWork,
  ) {}

  onApplicationBootstrap(): void {
    this.background.start(this.work);
  }
}
