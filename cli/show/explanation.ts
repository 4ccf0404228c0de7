import type { Finding, HostExplanation } from '@touchstone/schemas';
import { ago } from './age.ts';
import { bootStateFields } from './boot-state.ts';
import { fields } from './fields.ts';
import { findingLines } from './finding.ts';
import { reasonLine, type TitleOf } from './reason-titles.ts';
import { classOf, counted, stateSpan } from './state.ts';
import { table } from './table.ts';
import { bad, faint, good, type Line, type Span, strong, wrapWords } from './text.ts';
import { inWords } from './verdict-in-words.ts';

type Context = {
  readonly now: Date;
  readonly width: number | undefined;
  readonly textWidth: number;
  readonly titleOf: TitleOf;
  readonly events: boolean;
};

/** The screen that says why: first in words, then each finding, then what it was held against. */
export function explanationLines(explanation: HostExplanation, context: Context): Line[] {
  const { what, why } = inWords(explanation, context);
  const { findings } = explanation;
  const blocks = findings.filter(({ effect }) => effect !== 'observe').toSorted(byEffect);
  const observed = findings.filter(({ effect }) => effect === 'observe');
  return [
    ...wrapWords(what, context.textWidth).map(strong),
    ...why.flatMap((sentence) => wrapWords(sentence, context.textWidth)),
    ...section(foundTitle(explanation), numbered(blocks, context)),
    ...section(
      'For information',
      observed.flatMap((finding) => observedLines(finding, context)),
    ),
    ...section('Held against', baselineLines(explanation)),
    ...section('Measured', eventLines(explanation, context)),
    ...section('The boot', bootLines(explanation, context)),
    ...section('The host', hostLines(explanation, context)),
  ];
}

const section = (title: string, lines: readonly Line[]): Line[] =>
  lines.length === 0 ? [] : ['', strong(title), ...lines];

/** What refuses comes before what only warns. */
const byEffect = (a: Finding, b: Finding): number =>
  Number(b.effect === 'enforce') - Number(a.effect === 'enforce');

const numbered = (findings: readonly Finding[], { titleOf, textWidth }: Context): Line[] =>
  findings.flatMap((finding, index): Line[] => [
    ...(index === 0 ? [] : ['']),
    ...findingLines(finding, { number: index + 1, titleOf, width: textWidth }),
  ]);

/** What is shown of a host that is silent or revoked is not about now. */
const foundTitle = ({ host }: HostExplanation): string =>
  host.state === 'stale' || host.state === 'revoked'
    ? 'What was found when it was last heard'
    : 'What was found';

const observedLines = ({ code, subject }: Finding, { titleOf, textWidth }: Context): Line[] =>
  wrapWords(reasonLine(code, subject, titleOf), textWidth - 2).map((line): Line => `  ${line}`);

function baselineLines({ baselines, appraisedAt }: HostExplanation): Line[] {
  if (appraisedAt === null) return [];
  if (baselines.length === 0) return ['  no approved baseline applies to this host'];
  const nameWidth = Math.max(...baselines.map(({ name }) => name.length));
  const partWidth = Math.max(...baselines.map(({ part }) => part.length));
  return baselines.map(
    ({ name, part, version }): Line =>
      `  ${name.padEnd(nameWidth)}  ${part.padEnd(partWidth)}  version ${version}`,
  );
}

const VERDICT: Record<HostExplanation['events'][number]['verdict'], Span> = {
  expected: good('as approved'),
  unexpected: bad('NOT approved'),
  unchecked: faint('not checked'),
};

function eventLines({ events, appraisedAt }: HostExplanation, context: Context): Line[] {
  if (appraisedAt === null) return [];
  const count = (verdict: string) => events.filter((event) => event.verdict === verdict).length;
  const unexpected = count('unexpected');
  const summary: Line = [
    `  ${counted(events.length, 'event')}: ${count('expected')} as approved, `,
    unexpected === 0 ? '0 not approved' : bad(`${unexpected} not approved`),
    `, ${count('unchecked')} not checked`,
    faint(context.events || events.length === 0 ? '' : '  (--events lists them)'),
  ];
  if (!context.events || events.length === 0) return [summary];
  const rows = events.map(({ index, pcr, type, verdict, digest, name }): Span[] => [
    String(index),
    String(pcr),
    VERDICT[verdict],
    type,
    digest,
    name ?? '',
  ]);
  const titles = ['EVENT', 'PCR', 'VERDICT', 'TYPE', 'DIGEST', 'NAME'];
  // Digests are there to be compared: nothing here is cut.
  return [summary, '', ...table(titles, rows, undefined)];
}

function bootLines({ bootState, host }: HostExplanation, { textWidth }: Context): Line[] {
  return fields(bootStateFields(bootState, host.class), { indent: 2, width: textWidth });
}

function hostLines(
  { host, appraisedAt, verdict }: HostExplanation,
  { now, textWidth }: Context,
): Line[] {
  return fields(
    [
      ['state', stateSpan(host.state)],
      ['since', `${host.since} (${ago(host.since, now)})`],
      ['class', classOf(host)],
      [
        '',
        host.selfReportedMeasurements || host.class === 'software'
          ? 'No chip vouches for what it says: root on the host could make it up.'
          : undefined,
      ],
      ['AK Name', host.akName],
      [
        'appraised',
        appraisedAt === null
          ? 'never'
          : `${appraisedAt} (${ago(appraisedAt, now)}): ${verdict ?? 'no verdict'}`,
      ],
    ],
    { indent: 2, width: textWidth },
  );
}
