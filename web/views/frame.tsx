import type { ComponentChildren } from 'preact';
import type { GateStatus, Session } from '@touchstone/schemas';
import { ASK_MS, type Liveness } from '../fleet.ts';
import { Link } from './link.tsx';
import { ObserveNotice } from './observe-notice.tsx';

const LIVENESS: Readonly<Record<Liveness, string>> = {
  connecting: 'connecting …',
  live: 'live',
  asking: `not live: asked every ${ASK_MS / 1_000} s`,
  silent: 'not live: the server does not answer',
};

/** What is round every view: where one is, whether what is shown is of now, what quorum holds, and whether the gate refuses. */
export function Frame(props: {
  readonly session: Session | null;
  /** Asked again and again; null before the first answer. */
  readonly quorum: number | null;
  /** Of now; null before the first answer. */
  readonly gate: GateStatus | null;
  readonly liveness: Liveness | null;
  readonly announcement: string;
  readonly onLogOut: () => void;
  readonly children: ComponentChildren;
}) {
  const { session, liveness } = props;
  return (
    <>
      <a class="skip" href="#content">
        To the content
      </a>
      <header>
        <Link to={{ view: 'fleet' }} class="brand">
          <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
            <path class="stone" d="M4 20 9 7l12-3 8 9-3 13-12 4z" />
            <path class="streak" d="m10 18 12-6" />
          </svg>
          Touchstone
        </Link>
        <p class="motto">No proof, no guests.</p>
        {liveness !== null && (
          <p class={`liveness ${liveness}`} role="status">
            <span class="lamp" aria-hidden="true" />
            {LIVENESS[liveness]}
          </p>
        )}
        {session !== null && (
          <button type="button" class="quiet" onClick={props.onLogOut}>
            Log out
          </button>
        )}
      </header>
      {session !== null && (props.quorum ?? session.quorum) < 2 && (
        <aside class="quorum" aria-label="Quorum">
          <strong>Quorum is 1:</strong> one person can loosen what is trusted.
        </aside>
      )}
      {session !== null && props.gate !== null && <ObserveNotice status={props.gate} />}
      <main id="content" tabIndex={-1}>
        {props.children}
      </main>
      <p class="unseen" role="status">
        {props.announcement}
      </p>
      {session !== null && (
        <footer>
          {session.server} · read only, by token <b>{session.name}</b>
        </footer>
      )}
    </>
  );
}
