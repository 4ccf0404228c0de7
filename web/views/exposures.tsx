import type { ExposureList } from '@touchstone/schemas';
import { age } from '../age.ts';
import type { ReasonOf } from '../gate.ts';
import { Link } from './link.tsx';
import { WithCommands } from './with-commands.tsx';

type Shown = {
  readonly exposures: ExposureList['exposures'];
  readonly more: boolean;
  readonly reasonOf: ReasonOf;
  readonly now: number;
};

/** What runs, or could run, without a proof: first of all that somebody has to look at. Nothing where there is nothing. */
export function Exposures({ exposures, more, reasonOf, now }: Shown) {
  if (exposures.length === 0) return null;
  const byCode = Map.groupBy(exposures, ({ code }) => code);
  return (
    <section class="exposures" aria-labelledby="exposures">
      <h2 id="exposures">What runs without proof</h2>
      {[...byCode].map(([code, all]) => (
        <div key={code} class="finding exposure" data-code={code}>
          <h3>{reasonOf(code)?.title ?? 'Something that this version does not know'}</h3>
          <ul>
            {all.map((exposure) => (
              <Item
                key={`${exposure.hostId} ${exposure.subject} ${exposure.vm}`}
                exposure={exposure}
                now={now}
              />
            ))}
          </ul>
          <p class="remedy">
            <WithCommands text={reasonOf(code)?.remedy ?? 'Bring the server up to date.'} />
          </p>
          <p class="faint digest">{code}</p>
        </div>
      ))}
      {more && (
        <p class="faint">
          These are the latest; all of them: <code>touchstone exposure list</code>
        </p>
      )}
    </section>
  );
}

function Item({
  exposure,
  now,
}: {
  readonly exposure: Shown['exposures'][number];
  readonly now: number;
}) {
  const { hostName, vmName, vm, subject, detail, since } = exposure;
  return (
    <li>
      <Link to={{ view: 'host', name: hostName }}>{hostName}</Link>
      {vm !== null && (
        <>
          {' '}
          · VM <b>{vmName ?? vm}</b>
        </>
      )}{' '}
      · for{' '}
      <time dateTime={since} title={since}>
        {age(since, now)}
      </time>
      <div class="faint">{subject === detail ? subject : `${subject}: ${detail}`}</div>
    </li>
  );
}
