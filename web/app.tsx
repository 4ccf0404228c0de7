import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Session } from '@touchstone/schemas';
import { useAddress } from './address.ts';
import { api, isLoggedOut, messageOf } from './api.ts';
import { type Fleet, NO_FLEET, watchFleet } from './fleet.ts';
import { type Gate, gateAt, type ReasonOf, useGate } from './gate.ts';
import { usePolicy } from './policy.ts';
import { Exposures } from './views/exposures.tsx';
import { FleetView } from './views/fleet-view.tsx';
import { Frame } from './views/frame.tsx';
import { HostView } from './views/host-view.tsx';
import { Login } from './views/login.tsx';
import { PolicyNotices } from './views/policy-notices.tsx';
import { Refusals } from './views/refusals.tsx';
import { Vms } from './views/vms.tsx';
import type { TitleOf } from './words.ts';

type Entry =
  | { readonly at: 'door' }
  | { readonly at: 'asking' }
  | { readonly at: 'failed'; readonly message: string }
  | { readonly at: 'inside'; readonly session: Session; readonly reasonOf: ReasonOf };

export function App() {
  const [entry, setEntry] = useState<Entry>({ at: 'asking' });
  const [fleet, setFleet] = useState<Fleet>(NO_FLEET);
  const address = useAddress();

  const leave = useCallback(() => {
    setEntry({ at: 'door' });
    setFleet(NO_FLEET);
  }, []);
  const enter = useCallback(async () => {
    try {
      const [session, { reasons }] = await Promise.all([api.session(), api.reasons()]);
      const known = new Map(reasons.map((reason) => [reason.code, reason]));
      setEntry({ at: 'inside', session, reasonOf: (code) => known.get(code) });
    } catch (error) {
      if (isLoggedOut(error)) leave();
      else setEntry({ at: 'failed', message: messageOf(error) });
    }
  }, [leave]);
  // Who sees the door again is out at the server too, if it could be told at all.
  const logOut = () => {
    void api
      .logOut()
      .catch(() => undefined)
      .then(leave);
  };

  useEffect(() => void enter(), [enter]);
  const inside = entry.at === 'inside';
  useEffect(
    () => (inside ? watchFleet({ fleet: setFleet, loggedOut: leave }) : undefined),
    [inside, leave],
  );
  const policy = usePolicy(inside);
  const gate = useGate(inside);
  const now = useNow() + fleet.skewMs;
  const announcement = useAnnouncement(fleet);
  const reasonOf: ReasonOf = (code) => (entry.at === 'inside' ? entry.reasonOf(code) : undefined);
  const titleOf: TitleOf = (code) => reasonOf(code)?.title;
  const shown = { now, titleOf, reasonOf };
  useTitle(inside && address.view === 'host' ? address.name : inside ? 'Fleet' : 'Log in');

  return (
    <Frame
      session={inside ? entry.session : null}
      quorum={policy?.quorum ?? null}
      gate={gate?.status ?? null}
      liveness={inside ? fleet.liveness : null}
      announcement={announcement}
      onLogOut={logOut}
    >
      {entry.at === 'door' && <Login onLogIn={() => void enter()} />}
      {entry.at === 'failed' && (
        <p class="failure" role="alert">
          {entry.message}{' '}
          <button type="button" onClick={() => void enter()}>
            Try again
          </button>
        </p>
      )}
      {inside && address.view === 'fleet' && policy !== null && (
        <PolicyNotices policy={policy} now={now} />
      )}
      {inside && address.view === 'fleet' && (
        <>
          <FleetView fleet={fleet} now={now} titleOf={titleOf} server={entry.session.server}>
            {gate !== null && (
              <Exposures {...shown} exposures={gate.exposures} more={gate.more.exposures} />
            )}
          </FleetView>
          {gate !== null && <GateSections {...shown} gate={gate} />}
        </>
      )}
      {inside && address.view === 'host' && (
        <>
          <HostView
            key={address.name}
            name={address.name}
            fleet={fleet}
            now={now}
            titleOf={titleOf}
            onLoggedOut={leave}
          />
          {gate !== null && <AtHost {...shown} gate={gateAt(gate, address.name)} />}
        </>
      )}
    </Frame>
  );
}

type Shown = {
  readonly gate: Gate;
  readonly now: number;
  readonly titleOf: TitleOf;
  readonly reasonOf: ReasonOf;
};

const GateSections = ({ gate, now, titleOf, reasonOf }: Shown) => (
  <>
    <Vms vms={gate.vms} more={gate.more.vms} now={now} />
    <Refusals refusals={gate.refusals} now={now} titleOf={titleOf} reasonOf={reasonOf} />
  </>
);

const AtHost = (shown: Shown) => (
  <>
    <Exposures {...shown} exposures={shown.gate.exposures} more={false} />
    <GateSections {...shown} gate={{ ...shown.gate, more: { exposures: false, vms: false } }} />
  </>
);

/** Milliseconds; moves each second, so that ages do. */
function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 1_000);
    return () => window.clearInterval(timer);
  }, []);
  return now;
}

/** The changes of state, for those who hear the page. */
function useAnnouncement({ hosts }: Fleet): string {
  const before = useRef<Fleet['hosts']>(null);
  const [announcement, setAnnouncement] = useState('');
  useEffect(() => {
    const known = before.current;
    before.current = hosts;
    if (known === null || hosts === null) return;
    const changes = [...hosts.values()].flatMap(({ id, name, state }) => {
      const was = known.get(id)?.state;
      if (was === state) return [];
      return [was === undefined ? `${name} is new: ${state}` : `${name} is now ${state}`];
    });
    if (changes.length > 0) setAnnouncement(changes.join('. '));
  }, [hosts]);
  return announcement;
}

function useTitle(what: string): void {
  useEffect(() => {
    document.title = `${what} · Touchstone`;
  }, [what]);
}
