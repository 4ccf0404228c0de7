import type { Vm, VmStanding } from '@touchstone/schemas';
import { age, ago } from './age.ts';
import type { Field } from './fields.ts';
import { counted } from './state.ts';
import { table } from './table.ts';
import { bad, caution, faint, good, type Line, type Span } from './text.ts';

/** A record and how the VM stands; null for one that was removed between the two questions. */
export type StandingVm = Vm & { readonly standing: VmStanding | null };

type Running = VmStanding['running'][number];

/** Where each VM is by its host's word, and since when; what is in its record `vm show` says. */
export function vmListLines(
  vms: readonly StandingVm[],
  now: Date,
  width: number | undefined,
): Line[] {
  if (vms.length === 0) {
    return [
      'No VM is registered yet.',
      'Register one:  touchstone vm add UUID --name NAME --class CLASS',
    ];
  }
  const rows = vms.map(({ name, uuid, standing }) => [name, ...standingCells(standing, now), uuid]);
  return [
    ...table(['NAME', 'STANDING', 'HOST', 'SINCE', 'UUID'], rows, width),
    '',
    counted(vms.length, 'VM'),
    ...toLookAt(vms.flatMap(({ standing }) => standing ?? [])),
  ];
}

function standingCells(standing: VmStanding | null, now: Date): Span[] {
  if (standing === null) return [faint('removed'), '-', '-'];
  const { held, place, running } = standing;
  if (held !== null) return [bad('held'), held.hostName, age(held.since, now)];
  const [first, ...others] = running;
  if (first !== undefined) {
    const { hostName, hostState, since } = first;
    const more = others.length === 0 ? '' : ` +${others.length}`;
    const where = hostState === 'trusted' ? hostName : `${hostName} (${hostState})`;
    return [wordOf(standing), `${where}${more}`, age(since, now)];
  }
  return place === null
    ? [faint('never'), '-', '-']
    : [faint('not seen'), place.hostName, age(place.at, now)];
}

function wordOf({ running, exposures }: VmStanding): Span {
  if (running.some(({ paused }) => paused)) return caution('paused');
  const [other] = running.flatMap(({ ground }) => {
    if (ground === 'permit') return [];
    return ground === null ? 'unknown' : OTHER_GROUND[ground];
  });
  if (other !== undefined) return caution(`runs (${other})`);
  return exposures === 0 && running.length === 1 ? good('runs') : caution('runs');
}

/** By what else than a permit it runs. */
const OTHER_GROUND = {
  licence: 'licence',
  observe: 'observed',
  refused: 'refused',
  failed: 'failed',
  differs: 'differs',
} as const;

function toLookAt(standings: readonly VmStanding[]): Line[] {
  const held = standings.filter((each) => each.held !== null).length;
  const exposures = standings.reduce((sum, each) => sum + each.exposures, 0);
  return [
    ...(held === 0
      ? []
      : [`${counted(held, 'VM')} held, to be looked at and cleared:  touchstone vm show NAME`]),
    ...(exposures === 0
      ? []
      : [`${counted(exposures, 'exposure')} of them. See all:  touchstone exposure list`]),
  ];
}

/** The way on, where it is held. */
export const clearLines = ({ name, held }: VmStanding): Line[] =>
  held === null ? [] : ['', `Clear it:  touchstone vm clear ${name} --reason 'what was looked at'`];

/** How one VM stands: whether it may start at all, and where it runs by the hosts' word. */
export const standingFields = (
  { held, place, running, exposures }: VmStanding,
  now: Date,
): Field[] => [
  ...(held === null
    ? []
    : ([
        ['held', bad(`since ${at(held.since, now)}: ${held.cause}`)],
        ['', 'It starts nowhere until an approver has looked at it and cleared it.'],
      ] as const)),
  ...(running.length === 0
    ? ([['said to run', 'nowhere']] as const)
    : running.map((each): Field => ['said to run', runningSpan(each, now)])),
  ['last start', place === null ? 'none' : `on ${place.hostName}, ${at(place.at, now)}`],
  [
    'exposures',
    exposures === 0 ? undefined : caution(`${exposures}, see touchstone exposure list`),
  ],
];

function runningSpan(
  { hostName, hostState, ground, door, paused, since }: Running,
  now: Date,
): Span {
  const where = hostState === 'trusted' ? hostName : `${hostName}, which is ${hostState},`;
  const by = `by ${ground === null ? 'nothing that is known' : GROUND[ground]}`;
  const text = [
    `on ${where} since ${at(since, now)}`,
    `${by}${door === null ? '' : ` (${door})`}`,
    ...(paused ? ['paused'] : []),
  ].join(', ');
  return hostState === 'trusted' && ground === 'permit' && !paused ? text : caution(text);
}

const GROUND: Readonly<Record<NonNullable<Running['ground']>, string>> = {
  permit: 'a permit',
  licence: 'a standing licence',
  observe: 'observe mode',
  refused: 'a start that its host refused after all',
  failed: 'a start that failed, as its host said',
  differs: 'a permit for something else than runs',
};

const at = (timestamp: string, now: Date): string => `${timestamp} (${ago(timestamp, now)})`;
