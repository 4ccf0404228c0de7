import type { KeysNotice } from '../keys.ts';
import { counted } from '../words.ts';
import { Link } from './link.tsx';

/** That the CA's keys end, or are being changed: in words that need no word for them. */
export function KeysNoticeView({ notice }: { readonly notice: KeysNotice }) {
  if (notice.kind === 'ending') {
    return (
      <section class="notice" aria-label="Keys that end">
        <h2>
          The keys that vouch for the hosts end on{' '}
          <time dateTime={notice.at}>{notice.at.slice(0, 10)}</time>
        </h2>
        <p>
          Change them before that day; no host is refused for it:{' '}
          <code>touchstone ca rotate start --auto</code>
        </p>
      </section>
    );
  }
  const { moved, of, behind, behindCount, refused, refusedCount } = notice;
  return (
    <section class="notice" aria-label="Change of keys">
      <h2>The keys that vouch for the hosts are being changed</h2>
      <p>
        <progress max={Math.max(of, 1)} value={Math.min(moved, of)} aria-label="Changed" /> {moved}{' '}
        of {counted(of, 'host')} {of === 1 ? 'has' : 'have'} a certificate by the key in use.{' '}
        <code>touchstone ca status</code> says what it waits for.
      </p>
      {behindCount > 0 && (
        <p>
          Still to follow, by themselves: <Names names={behind} count={behindCount} />
        </p>
      )}
      {refusedCount > 0 && (
        <p>
          Not trusted until they follow, for the key of their certificate is refused:{' '}
          <Names names={refused} count={refusedCount} />
        </p>
      )}
    </section>
  );
}

function Names({ names, count }: { readonly names: readonly string[]; readonly count: number }) {
  const more = count - names.length;
  return (
    <>
      {names.map((name, index) => (
        <span key={name}>
          {index > 0 && ', '}
          <Link to={{ view: 'host', name }}>{name}</Link>
        </span>
      ))}
      {more > 0 && ` and ${more} more`}
    </>
  );
}
