import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { HostState, HostSummary } from '@touchstone/schemas';
import { age, ago } from '../age.ts';
import type { Fleet } from '../fleet.ts';
import { classOf, type Context, counted, reasonOf } from '../words.ts';
import { Link } from './link.tsx';
import { StateMark } from './state-mark.tsx';
import { TableHead } from './table-head.tsx';

/** What somebody has to do something about comes first. */
const ORDER: readonly HostState[] = ['untrusted', 'stale', 'pending', 'trusted', 'revoked'];

/** As many as one answer holds; more than these may exist. */
const MOST = 1_000;

type Props = Context & {
  readonly fleet: Fleet;
  readonly server: string;
  /** What comes before the hosts. */
  readonly children: ComponentChildren;
};

export function FleetView({ fleet, server, children, ...context }: Props) {
  const [only, setOnly] = useState<HostState | null>(null);
  const { hosts } = fleet;
  if (hosts === null) {
    const waits = fleet.liveness === 'silent' ? 'No answer from the server yet.' : 'Asking …';
    return (
      <>
        <h1>Fleet</h1>
        <p class="faint">{waits}</p>
      </>
    );
  }
  if (hosts.size === 0) return <NoHosts server={server}>{children}</NoHosts>;
  const shown = [...hosts.values()]
    .filter(({ state }) => only === null || state === only)
    .toSorted(
      (a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || (a.name < b.name ? -1 : 1),
    );
  return (
    <>
      <h1>Fleet</h1>
      {children}
      <Counts hosts={[...hosts.values()]} only={only} onOnly={setOnly} />
      {hosts.size >= MOST && <p class="faint">These are the first {MOST}; there may be more.</p>}
      {shown.length === 0 ? (
        <p class="faint">No host is {only} now.</p>
      ) : (
        <HostTable hosts={shown} {...context} />
      )}
    </>
  );
}

/** How many are in each state; pressed, only those are shown. */
function Counts(props: {
  readonly hosts: readonly HostSummary[];
  readonly only: HostState | null;
  readonly onOnly: (only: HostState | null) => void;
}) {
  const { hosts, only, onOnly } = props;
  const countOf = (state: HostState) => hosts.filter((host) => host.state === state).length;
  return (
    <div class="counts" role="group" aria-label="Show only hosts of one state">
      <span>{counted(hosts.length, 'host')}:</span>
      {ORDER.filter((state) => countOf(state) > 0 || state === only).map((state) => (
        <button
          key={state}
          type="button"
          aria-pressed={only === state}
          onClick={() => onOnly(only === state ? null : state)}
        >
          {countOf(state)} <StateMark state={state} />
        </button>
      ))}
    </div>
  );
}

const COLUMNS = ['Host', 'State', 'Since', 'Class', 'Last evidence', 'Reason'];

function HostTable({ hosts, now, titleOf }: { readonly hosts: readonly HostSummary[] } & Context) {
  const reasoned = hosts.map((host) => [host, reasonOf(host, { now, titleOf })] as const);
  return (
    <table class="hosts" role="table" aria-label="Hosts">
      <TableHead columns={COLUMNS} />
      <tbody role="rowgroup">
        {reasoned.map(([host, reason]) => (
          <tr key={host.id} role="row" data-host={host.name} data-state={host.state}>
            <th role="rowheader" scope="row">
              <Link to={{ view: 'host', name: host.name }}>{host.name}</Link>
            </th>
            <td role="cell">
              <StateMark state={host.state} />
            </td>
            <td role="cell" data-title="since">
              <time dateTime={host.since} title={host.since}>
                {age(host.since, now)}
              </time>
            </td>
            <td role="cell" data-title="class">
              {classOf(host)}
            </td>
            <td role="cell" data-title="last evidence">
              {host.lastAuthenticAt === null ? 'none yet' : ago(host.lastAuthenticAt, now)}
            </td>
            <td role="cell" class={reason === '-' ? 'reason none' : 'reason'}>
              {reason}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function NoHosts({ server, children }: Pick<Props, 'server' | 'children'>) {
  return (
    <>
      <h1>Fleet</h1>
      {children}
      <section class="empty">
        <h2>No host has enrolled yet.</h2>
        <ol>
          <li>
            Make a join token: <code>touchstone join-token create --class software</code>
          </li>
          <li>
            On the host, with that token in a file:{' '}
            <code>
              touchstone-agent enroll --server {server} --fingerprint F --join-token-file FILE
            </code>{' '}
            where F is the fingerprint that <code>touchstone up</code> shows
          </li>
          <li>
            There too: <code>touchstone-agent daemon</code>
          </li>
        </ol>
        <p class="faint">The host appears here by itself.</p>
      </section>
    </>
  );
}
