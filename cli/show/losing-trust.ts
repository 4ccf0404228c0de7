import { counted } from './state.ts';
import { bad, type Line, strong } from './text.ts';

/** A host that is held to a certificate which is about to count no more. */
export type LosingHost = {
  readonly name: string;
  readonly away: boolean;
  readonly vms: readonly string[];
};

/** As many as are named on a screen; --json names all. */
const NAMED = 20;

export function losingLines(hosts: readonly LosingHost[]): Line[] {
  const vms = hosts.flatMap((host) => host.vms);
  if (hosts.length === 0) return ['No host has a certificate by the old keys.'];
  return [
    bad(`${counted(hosts.length, 'host')} and ${counted(vms.length, 'VM')} lose trust at once:`),
    ...hosts
      .slice(0, NAMED)
      .map(({ name, away, vms: here }): Line => [
        '  ',
        strong(name),
        `${away ? ' (away)' : ''}${here.length === 0 ? '' : `: ${here.join(', ')}`}`,
      ]),
    ...(hosts.length > NAMED ? [`  and ${hosts.length - NAMED} more (--json names all)`] : []),
    'VMs that run go on running. No VM starts on these hosts until they have new',
    'certificates, which those that are there get by themselves within minutes.',
  ];
}
