import type { Approval } from '@touchstone/schemas';
import { ago } from '../age.ts';
import { keysNoticeOf } from '../keys.ts';
import type { OpenWindow, Policy } from '../policy.ts';
import { counted } from '../words.ts';
import { KeysNoticeView } from './keys-notice.tsx';
import { Link } from './link.tsx';

/** What people should know of the policy before they look at hosts: what waits for them, and what is being rolled out. */
export function PolicyNotices({ policy, now }: { readonly policy: Policy; readonly now: number }) {
  const { approvals, windows, ca } = policy;
  const keys = ca === null ? null : keysNoticeOf(ca, now);
  return (
    <>
      {keys !== null && <KeysNoticeView notice={keys} />}
      {approvals.length > 0 && (
        <section class="notice" aria-label="Waiting for another person">
          <h2>{counted(approvals.length, 'approval')} waiting for another person</h2>
          <ul>
            {approvals.map((approval) => (
              <ApprovalItem key={approval.id} approval={approval} now={now} />
            ))}
          </ul>
          <p class="faint">
            The second person gives the same command: <code>touchstone approval list</code>
          </p>
        </section>
      )}
      {windows.map((open) => (
        <WindowNotice key={open.window.id} open={open} now={now} />
      ))}
    </>
  );
}

function ApprovalItem({ approval, now }: { readonly approval: Approval; readonly now: number }) {
  const { action, subject, person, at, detail } = approval;
  return (
    <li>
      <b>
        {action} {subject}
      </b>{' '}
      — 1 of 2, by {person} <time dateTime={at}>{ago(at, now)}</time>
      <div class="faint">{detail}</div>
    </li>
  );
}

function WindowNotice({ open, now }: { readonly open: OpenWindow; readonly now: number }) {
  const { window, laggards } = open;
  const { name, accepted, quota, until, laggards: count, documents } = window;
  const more = count - laggards.length;
  const total = quota ?? accepted + count;
  return (
    <section class="notice" aria-label={`Update window of ${name}`}>
      <h2>
        Update window of {name}
        <span class="faint">
          {' '}
          {documents.map(({ part, version }) => `${part} version ${version}`).join(', ')}
        </span>
      </h2>
      <p>
        <progress
          max={Math.max(total, 1)}
          value={Math.min(accepted, total)}
          aria-label="Accepted"
        />{' '}
        {accepted} of {total} on the new documents, by{' '}
        <time dateTime={until} title={until}>
          {leftUntil(until, now)}
        </time>
        ; then the old ones retire.
      </p>
      {count > 0 && (
        <p>
          {counted(count, 'laggard')}:{' '}
          {laggards.map((host, index) => (
            <span key={host.id}>
              {index > 0 && ', '}
              <Link to={{ view: 'host', name: host.name }}>{host.name}</Link>
            </span>
          ))}
          {more > 0 && ` and ${more} more`}
        </p>
      )}
    </section>
  );
}

/** `2027-03-01 12:00 UTC`, for what is so far off that an age says little. */
function leftUntil(until: string, now: number): string {
  const day = until.slice(0, 16).replace('T', ' ');
  return Date.parse(until) <= now ? `${day} UTC, which is past` : `${day} UTC`;
}
