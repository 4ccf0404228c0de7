import { useEffect, useState } from 'preact/hooks';
import type { HostExplanation } from '@touchstone/schemas';
import { ago } from '../age.ts';
import { api, isLoggedOut, messageOf } from '../api.ts';
import type { Fleet } from '../fleet.ts';
import { classOf, type Context, inWords, reasonLine } from '../words.ts';
import { EventLog } from './event-log.tsx';
import { FindingBlock } from './finding-block.tsx';
import { Link } from './link.tsx';
import { StateMark } from './state-mark.tsx';

type Props = Context & {
  readonly name: string;
  readonly fleet: Fleet;
  readonly onLoggedOut: () => void;
};

export function HostView({ name, fleet, onLoggedOut, ...context }: Props) {
  const [explanation, setExplanation] = useState<HostExplanation | null>(null);
  const [failure, setFailure] = useState('');
  const live = [...(fleet.hosts?.values() ?? [])].find((host) => host.name === name);
  // Asked for again when what it explains has changed, and not with each piece of evidence.
  const version = JSON.stringify(live && { ...live, lastAuthenticAt: null });
  useEffect(() => {
    let over = false;
    api.explanation(name).then(
      (answer) => {
        if (over) return;
        setExplanation(answer);
        setFailure('');
      },
      (error: unknown) => {
        if (over) return;
        if (isLoggedOut(error)) onLoggedOut();
        else setFailure(messageOf(error));
      },
    );
    return () => {
      over = true;
    };
  }, [name, version, fleet.liveness, onLoggedOut]);
  return (
    <>
      <nav aria-label="Where this is">
        <Link to={{ view: 'fleet' }}>← Fleet</Link>
      </nav>
      <h1 class="host-name">
        {name} {live && <StateMark state={live.state} />}
      </h1>
      {failure !== '' && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
      {explanation !== null && (
        <Explained explanation={{ ...explanation, host: live ?? explanation.host }} {...context} />
      )}
    </>
  );
}

function Explained({ explanation, ...context }: Context & { explanation: HostExplanation }) {
  const { what, why } = inWords(explanation, context);
  const { host, findings, baselines, events, appraisedAt } = explanation;
  const blocks = findings
    .filter(({ effect }) => effect !== 'observe')
    .toSorted((a, b) => Number(b.effect === 'enforce') - Number(a.effect === 'enforce'));
  const observed = findings.filter(({ effect }) => effect === 'observe');
  const isOfBefore = host.state === 'stale' || host.state === 'revoked';
  return (
    <>
      <section class={`verdict ${host.state}`} aria-label="In short">
        <p class="what">{what}</p>
        {why.map((sentence) => (
          <p key={sentence}>{sentence}</p>
        ))}
      </section>
      {blocks.length > 0 && (
        <section>
          <h2>{isOfBefore ? 'What was found when it was last heard' : 'What was found'}</h2>
          <ol class="findings">
            {blocks.map((finding, index) => (
              <FindingBlock key={index} finding={finding} titleOf={context.titleOf} />
            ))}
          </ol>
        </section>
      )}
      {observed.length > 0 && (
        <section>
          <h2>For information</h2>
          <ul>
            {observed.map(({ code, subject }, index) => (
              <li key={index}>{reasonLine(code, subject, context.titleOf)}</li>
            ))}
          </ul>
        </section>
      )}
      <section>
        <h2>The host</h2>
        <HostFields explanation={explanation} now={context.now} />
      </section>
      {appraisedAt !== null && (
        <>
          <section>
            <h2>Held against</h2>
            <Baselines baselines={baselines} />
          </section>
          <section>
            <h2>Measured</h2>
            <EventLog events={events} />
          </section>
        </>
      )}
    </>
  );
}

function Baselines({ baselines }: Pick<HostExplanation, 'baselines'>) {
  if (baselines.length === 0) return <p>no approved baseline applies to this host</p>;
  return (
    <ul>
      {baselines.map(({ name, part, version }) => (
        <li key={`${name} ${part}`}>
          {name} · {part} · version {version}
        </li>
      ))}
    </ul>
  );
}

function HostFields({ explanation, now }: { explanation: HostExplanation; now: number }) {
  const { host, appraisedAt, verdict } = explanation;
  const { selfReportedMeasurements, labels, since, lastAuthenticAt } = host;
  const isSelfReported = selfReportedMeasurements || host.class === 'software';
  const labelled = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return (
    <dl class="fields">
      <dt>since</dt>
      <dd>
        {since} ({ago(since, now)})
      </dd>
      <dt>class</dt>
      <dd>
        {classOf(host)}
        {isSelfReported && (
          <span class="faint">
            {' '}
            No chip vouches for what it says: root on the host could make it up.
          </span>
        )}
      </dd>
      <dt>evidence</dt>
      <dd>{lastAuthenticAt === null ? 'none yet' : ago(lastAuthenticAt, now)}</dd>
      <dt>appraised</dt>
      <dd>
        {appraisedAt === null
          ? 'never'
          : `${appraisedAt} (${ago(appraisedAt, now)}): ${verdict ?? 'no verdict'}`}
      </dd>
      <dt>labels</dt>
      <dd>{labelled.join(' ') || 'none'}</dd>
      <dt>AK Name</dt>
      <dd class="digest">{host.akName}</dd>
      <dt>id</dt>
      <dd class="digest">{host.id}</dd>
    </dl>
  );
}
