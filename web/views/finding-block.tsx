import type { Finding } from '@touchstone/schemas';
import { EFFECT, headlineOf, type TitleOf, WHO } from '../words.ts';

/** What it is, where, what was expected and found, and what to do about it. */
export function FindingBlock({ finding, titleOf }: { finding: Finding; titleOf: TitleOf }) {
  const headline = headlineOf(finding, titleOf);
  const { subject, expected, actual, nearest, remedy, actor, event, effect, code } = finding;
  const what = event?.name ?? (subject === headline ? undefined : subject);
  const where = event && `event ${event.index} in PCR ${event.pcr}, of type ${event.type}`;
  const fields: readonly (readonly [label: string, value: string | undefined])[] = [
    ['what', what],
    ['where', where],
    ['expected', expected],
    ['found', actual],
    ['nearest', nearest],
    ['to do', remedy],
    ['who', WHO[actor]],
    ['code', code],
  ];
  return (
    <li class={`finding ${effect}`}>
      <h3>{headline}</h3>
      <p class="effect">{EFFECT[effect]}</p>
      <dl class="fields">
        {fields.map(
          ([label, value]) =>
            value !== undefined && (
              <div key={label} class={label === 'to do' ? 'to-do' : ''}>
                <dt>{label}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
    </li>
  );
}
