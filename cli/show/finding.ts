import type { Finding } from '@touchstone/schemas';
import { type Field, fields } from './fields.ts';
import { headlineOf, type TitleOf } from './reason-titles.ts';
import { bad, caution, faint, type Line, type Span, strong, wrapWords } from './text.ts';

const EFFECT: Record<Finding['effect'], Span> = {
  enforce: bad('stops VM starts'),
  warn: caution('a warning'),
  observe: faint('for information'),
};

/** Who can apply the remedy, for somebody who has never heard of the roles. */
const WHO: Record<Finding['actor'], string> = {
  operator: 'a person with the role operator',
  approver: 'a person with the role approver',
  'host-administrator': 'whoever looks after this machine (root on it)',
  agent: "the host's agent, by itself",
  nobody: 'nobody needs to, or can',
};

/** A finding as a block: what it is, where, what was expected and found, and what to do about it. */
export function findingLines(
  finding: Finding,
  { number, titleOf, width }: { number: number; titleOf: TitleOf; width: number },
): Line[] {
  const headline = headlineOf(finding, titleOf);
  const lead = `${number}. `;
  const indent = lead.length;
  const [first = '', ...more] = wrapWords(headline, width - indent);
  const { subject, expected, actual, nearest, remedy, actor, event } = finding;
  const entries: Field[] = [
    ['what', event?.name ?? (subject === headline ? undefined : subject)],
    ['where', event && `event ${event.index} in PCR ${event.pcr}, of type ${event.type}`],
    ['expected', expected],
    ['found', actual],
    ['nearest', nearest],
    ['to do', strong(remedy)],
    ['who', WHO[actor]],
    ['code', faint(finding.code)],
  ];
  return [
    [lead, strong(first)],
    ...more.map((line): Line => [' '.repeat(indent), strong(line)]),
    [' '.repeat(indent), EFFECT[finding.effect]],
    ...fields(entries, { indent, width }),
  ];
}
