import type { RefusedStarts } from '@touchstone/schemas';
import { ago } from '../age.ts';
import type { ReasonOf } from '../gate.ts';
import type { TitleOf } from '../words.ts';
import { Link } from './link.tsx';
import { WithCommands } from './with-commands.tsx';

/** The last starts that were refused, each under the id that the host's journal and the person who started it saw. */
export function Refusals(props: {
  readonly refusals: RefusedStarts['refusals'];
  readonly now: number;
  readonly titleOf: TitleOf;
  readonly reasonOf: ReasonOf;
}) {
  if (props.refusals.length === 0) return null;
  return (
    <section aria-labelledby="refusals">
      <h2 id="refusals">Starts refused</h2>
      <ol class="refusals">
        {props.refusals.map((refusal) => (
          <Refusal key={`${refusal.hostId} ${refusal.requestId}`} refusal={refusal} {...props} />
        ))}
      </ol>
    </section>
  );
}

function Refusal(props: {
  readonly refusal: RefusedStarts['refusals'][number];
  readonly now: number;
  readonly titleOf: TitleOf;
  readonly reasonOf: ReasonOf;
}) {
  const { refusal, now, titleOf, reasonOf } = props;
  const { hostName, vmName, vm, at, code, finding, requestId, told } = refusal;
  const title = reasonOf(code)?.title ?? titleOf(code) ?? finding?.subject ?? code;
  const remedy = finding?.remedy ?? reasonOf(code)?.remedy;
  return (
    <li data-request={requestId}>
      <p>
        <b>{vmName ?? vm}</b> on <Link to={{ view: 'host', name: hostName }}>{hostName}</Link>,{' '}
        <time dateTime={at} title={at}>
          {ago(at, now)}
        </time>
        : {title}
        {finding?.actual !== undefined && `: ${finding.actual}`}
        {told && ' — decided by the host alone'}
      </p>
      {remedy !== undefined && (
        <p class="remedy">
          <WithCommands text={remedy} />
        </p>
      )}
      <p class="faint digest">
        {code} · request {requestId}
      </p>
    </li>
  );
}
