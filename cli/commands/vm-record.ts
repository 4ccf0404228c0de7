import type { Command } from 'commander';
import type { AssuranceClass, DiskName, FailMode, Labels, OnLoss, Vm } from '@touchstone/schemas';
import { gatherDisks, gatherImages, gatherLabels, readFailMode, readOnLoss } from '../arguments.ts';

/** What `vm add` and `vm change` say of a VM. */
export type RecordOptions = {
  readonly name?: string;
  readonly class?: readonly AssuranceClass[];
  readonly hostLabel?: Labels;
  readonly image?: readonly string[];
  readonly refuseWarnings?: true;
  readonly dataDisk?: readonly DiskName[];
  readonly sealedDisk?: readonly DiskName[];
  readonly failMode?: FailMode;
  readonly onLoss?: OnLoss;
};

/** `change` beside: what takes something back. */
export type ChangeOptions = RecordOptions & {
  readonly acceptWarnings?: true;
  readonly anyHost?: true;
  readonly anyImage?: true;
  readonly noDataOrSealed?: true;
};

export const withRecordOptions = (command: Command): Command =>
  command
    .option('--host-label <key=value>', 'only on hosts with this label; repeatable', gatherLabels)
    .option('--image <sha256>', 'only with this image; repeatable (default: any)', gatherImages)
    .option('--refuse-warnings', 'not on hosts whose verdict is a warning')
    .option('--data-disk <disk>', 'a disk that nobody reads: vdb, disk0; repeatable', gatherDisks)
    .option('--sealed-disk <disk>', 'a disk whose key is released here; repeatable', gatherDisks)
    .option(
      '--fail-mode <mode>',
      'without a verdict: refuse, allow-if-attested-within=TIME or allow-and-flag',
      readFailMode,
    )
    .option(
      '--on-loss <action>',
      'when its host loses trust: flag, no-new-starts, pause or shutdown',
      readOnLoss,
    );

/** What is not said stays as it is in `before`; lists are given whole. */
export function recordAfter(before: Vm, options: ChangeOptions): Vm {
  const { warnings, disks, failMode, onLoss, ...kept } = before;
  const refuses =
    options.refuseWarnings === true || (warnings === 'refuse' && options.acceptWarnings !== true);
  const said = disksOf(options);
  const after = options.noDataOrSealed === true ? [] : said.length > 0 ? said : (disks ?? []);
  const mode = options.failMode ?? failMode;
  const loss = options.onLoss ?? onLoss;
  return {
    ...kept,
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.class === undefined ? {} : { classes: [...options.class] }),
    hostLabels: options.anyHost === true ? {} : (options.hostLabel ?? kept.hostLabels),
    images: options.anyImage === true ? [] : [...(options.image ?? kept.images)],
    ...(refuses ? { warnings: 'refuse' } : {}),
    ...(after.length > 0 ? { disks: after } : {}),
    ...(mode === undefined ? {} : { failMode: mode }),
    ...(loss === undefined ? {} : { onLoss: loss }),
  };
}

const disksOf = ({ dataDisk = [], sealedDisk = [] }: RecordOptions): NonNullable<Vm['disks']> => [
  ...dataDisk.map((name) => ({ name, kind: 'data' as const })),
  ...sealedDisk.map((name) => ({ name, kind: 'sealed' as const })),
];
