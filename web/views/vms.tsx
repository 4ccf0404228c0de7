import type { VmStandings } from '@touchstone/schemas';
import { age, ago } from '../age.ts';
import { counted } from '../words.ts';
import { Link } from './link.tsx';
import { StateMark } from './state-mark.tsx';
import { WithCommands } from './with-commands.tsx';
import { TableHead } from './table-head.tsx';

type StandingVm = VmStandings['vms'][number];
type Running = StandingVm['running'][number];

const COLUMNS = ['VM', 'Runs on', 'By', 'Since', 'On loss of trust', 'To look at'];

const GROUND: Readonly<Record<NonNullable<Running['ground']>, string>> = {
  permit: 'a permit',
  licence: 'a standing licence',
  observe: 'observe mode',
  refused: 'a start that its host refused after all',
  failed: 'a start that failed, as its host said',
  differs: 'a permit for something else than runs',
};

const ON_LOSS: Readonly<Record<StandingVm['onLoss'], string>> = {
  flag: 'shown',
  'no-new-starts': 'held',
  pause: 'paused',
  shutdown: 'shut down',
};

/** Registered VMs: where they run by their hosts' word, by what, and what somebody has to look at. */
export function Vms(props: {
  readonly vms: readonly StandingVm[];
  readonly more: boolean;
  readonly now: number;
}) {
  const { vms, more, now } = props;
  if (vms.length === 0) return null;
  return (
    <section aria-labelledby="vms">
      <h2 id="vms">VMs</h2>
      <table class="hosts vms" role="table" aria-labelledby="vms">
        <TableHead columns={COLUMNS} />
        <tbody role="rowgroup">
          {vms.map((vm) => (
            <Row key={vm.uuid} vm={vm} now={now} />
          ))}
        </tbody>
      </table>
      {more && (
        <p class="faint">
          These are the first; all of them: <code>touchstone vm list</code>
        </p>
      )}
    </section>
  );
}

function Row({ vm, now }: { readonly vm: StandingVm; readonly now: number }) {
  const { uuid, name, running, onLoss } = vm;
  const notes = notesOf(vm, now);
  const there = running.length === 0 ? 'none' : '';
  return (
    <tr role="row" data-vm={name}>
      <th role="rowheader" scope="row" title={uuid}>
        {name}
      </th>
      <td role="cell" data-title="runs on">
        <Where vm={vm} />
      </td>
      <td role="cell" data-title="by" class={there}>
        {running.map(groundOf).join(', ') || '-'}
      </td>
      <td role="cell" data-title="since" class={there}>
        {running[0] === undefined ? (
          '-'
        ) : (
          <time dateTime={running[0].since} title={running[0].since}>
            {age(running[0].since, now)}
          </time>
        )}
      </td>
      <td role="cell" data-title="on loss of trust">
        {ON_LOSS[onLoss]}
      </td>
      <td role="cell" class={notes.length === 0 ? 'reason none' : 'reason'}>
        {notes.length === 0 ? '-' : <WithCommands text={notes.join(' ')} />}
      </td>
    </tr>
  );
}

function Where({ vm: { running, place } }: { readonly vm: StandingVm }) {
  if (running.length === 0) {
    return (
      <span class="faint">
        {place === null ? 'never started' : `not now; was on ${place.hostName}`}
      </span>
    );
  }
  return (
    <>
      {running.map(({ hostId, hostName, hostState, paused }) => (
        <span key={hostId} class="where">
          <Link to={{ view: 'host', name: hostName }}>{hostName}</Link>{' '}
          {hostState !== 'trusted' && <StateMark state={hostState} />}
          {paused && ' (paused)'}
        </span>
      ))}
    </>
  );
}

const groundOf = ({ ground, door }: Running): string =>
  `${ground === null ? 'nothing that is known' : GROUND[ground]}${door === null ? '' : ` (${door})`}`;

function notesOf({ name, held, exposures, running }: StandingVm, now: number): string[] {
  return [
    ...(held === null
      ? []
      : [
          `Held ${ago(held.since, now)}: ${held.cause}. After a look at it: \`touchstone vm clear ${name}\``,
        ]),
    ...(running.length > 1 ? ['It runs on several hosts.'] : []),
    ...(exposures === 0 ? [] : [`${counted(exposures, 'exposure')}.`]),
  ];
}
