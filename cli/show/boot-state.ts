import type { BootState, HostSummary } from '@touchstone/schemas';
import type { Field } from './fields.ts';
import { caution, good } from './text.ts';

/** What a boot meant, in fields. Of a software TPM there is no more to tell than its command line. */
export function bootStateFields(
  boot: BootState | undefined,
  held: HostSummary['class'],
): readonly Field[] {
  if (boot === undefined) return [];
  const lines = boot.commandLines.map(({ text }, index): Field => [
    index === 0 ? 'booted' : '',
    text,
  ]);
  if (held === 'software') return lines;
  const { dbx } = boot.keys;
  return [
    ['Secure Boot', boot.secureBoot === 'on' ? good('on') : caution(boot.secureBoot)],
    ['modes', modes(boot)],
    ['dbx', dbx === undefined ? undefined : `${dbx.entries} entries, sha256 ${dbx.sha256}`],
    ['SBAT', boot.sbat.join('; ')],
    ['vouched', boot.authorities.map(({ variable, sha256 }) => `${variable} ${sha256}`).join(', ')],
    ...boot.images.map(({ role, digest, name, claimedFile }, index): Field => [
      index === 0 ? 'started' : '',
      `${role} ${digest}${name === undefined ? '' : ` ${name}`}${
        claimedFile === undefined ? '' : ` (unverified: ${claimedFile})`
      }`,
    ]),
    ['', boot.imagesOmitted === 0 ? undefined : `and ${boot.imagesOmitted} more`],
    ...lines,
    ['kexec', boot.kexec === 'open' ? caution(KEXEC.open) : KEXEC[boot.kexec]],
    ['quirks', boot.quirks.join(', ')],
  ];
}

function modes({ setupMode, auditMode, deployedMode }: BootState): string {
  const known = Object.entries({ setup: setupMode, audit: auditMode, deployed: deployedMode });
  return known
    .filter(([, state]) => state !== 'unknown')
    .map(([mode, state]) => `${mode} ${state}`)
    .join(', ');
}

const KEXEC: Readonly<Record<BootState['kexec'], string>> = {
  'locked-down': 'the kernel starts signed kernels only',
  absent: 'the kernel starts no other',
  measured: 'IMA measures every kernel that is started',
  open: 'another kernel could have been started unseen',
};
