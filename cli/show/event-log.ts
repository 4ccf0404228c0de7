import type { EventLogReport, ReportedEvent } from '../inspect/event-log-report.ts';
import { findingLines } from './finding.ts';
import type { TitleOf } from './reason-titles.ts';
import { counted } from './state.ts';
import { table } from './table.ts';
import { caution, faint, type Line, plainOf, type Span, strong, wrapWords } from './text.ts';

type Bank = keyof ReportedEvent['digests'];

/** Of which the events' digests are shown, the first that the log has. */
const PREFERRED: readonly Bank[] = ['sha256', 'sha384', 'sha512', 'sm3_256', 'sha1'];
/** As much of a digest as tells it from others. */
const DIGEST_START = 16;

/** A log for reading: its events, what they lead to, and what speaks against it. */
export function eventLogLines(
  { format, events, pcrs, findings }: EventLogReport,
  { titleOf, width, textWidth }: { titleOf: TitleOf; width: number | undefined; textWidth: number },
): Line[] {
  const banks = Object.keys(pcrs) as Bank[];
  const shown = PREFERRED.find((bank) => banks.includes(bank));
  return [
    [
      strong(format === 'legacy-sha1' ? 'A SHA-1-only event log' : 'A crypto-agile event log'),
      `: ${counted(events.length, 'event')}, ${banks.join(' and ') || 'no bank that is known here'}`,
    ],
    faint('The log alone proves nothing: hold these values against a quote.'),
    faint('What is marked as unverified no digest covers: anybody may have written it.'),
    '',
    ...eventLines(events, shown, { width, textWidth }),
    '',
    ...table(['BANK', 'PCR', 'VALUE'], pcrRows(pcrs), undefined),
    ...findings.flatMap((finding, index): Line[] => [
      '',
      ...findingLines(finding, { number: index + 1, titleOf, width: textWidth }),
    ]),
  ];
}

/** Each event's cells, and under them what it means. */
function eventLines(
  events: readonly ReportedEvent[],
  bank: Bank | undefined,
  { width, textWidth }: { width: number | undefined; textWidth: number },
): Line[] {
  const [titles = '', ...rows] = table(
    ['EVENT', 'PCR', 'TYPE', bank?.toUpperCase() ?? 'DIGEST', 'BYTES'],
    events.map((event) => eventCells(event, bank)),
    width,
  );
  return [
    titles,
    ...rows.flatMap((row, at): Line[] => {
      const meaning = events[at]?.meaning;
      return meaning === undefined ? [row] : [row, ...meaningLines(meaning, textWidth)];
    }),
  ];
}

/** Under the type. */
const INDENT = 12;

/** Nothing where the row above says as much: of what is not known, and of a separator like any other. */
function meaningLines(meaning: ReportedEvent['meaning'], width: number): Line[] {
  const { kind, basis, name } = meaning;
  if (kind === 'unknown' || name === 'separator') return [];
  const mark: Span[] = basis === 'label' ? [caution('unverified: ')] : [];
  const left = Math.max(width - INDENT - plainOf(mark).length, 24);
  return wrapWords(name, left).map((line, at): Line => [
    ' '.repeat(INDENT + (at > 0 ? plainOf(mark).length : 0)),
    ...(at === 0 ? mark : []),
    line,
  ]);
}

const NO_PCR = 0xffffffff;

function eventCells(event: ReportedEvent, bank: Bank | undefined): Span[] {
  const digest = bank && event.digests[bank];
  return [
    String(event.index),
    event.pcr === NO_PCR ? faint('none') : String(event.pcr),
    event.typeName,
    digest === undefined ? faint('none') : `${digest.slice(0, DIGEST_START)}…`,
    String(event.dataLength),
  ];
}

const pcrRows = (pcrs: EventLogReport['pcrs']): Span[][] =>
  Object.entries(pcrs).flatMap(([bank, values]) =>
    Object.entries(values).map(([pcr, value]) => [bank, pcr, value]),
  );
