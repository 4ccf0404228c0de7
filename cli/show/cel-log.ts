import type { CelLogReport, ReportedRecord } from '../inspect/cel-log-report.ts';
import { counted } from './state.ts';
import { table } from './table.ts';
import { caution, faint, type Line, type Span, strong } from './text.ts';

/** A canonical event log for reading. */
export function celLogLines(
  { encoding, records, pcrs }: CelLogReport,
  { width }: { readonly width: number | undefined },
): Line[] {
  const banks = Object.keys(pcrs);
  return [
    [
      strong('A canonical event log'),
      `: ${counted(records.length, 'record')}, ${encoding.toUpperCase()}, ${banks.join(' and ') || 'of no PCR'}`,
    ],
    faint('The log alone proves nothing, and it goes on where the log of the firmware ends.'),
    faint('What is marked as unverified no digest covers: anybody may have written it.'),
    '',
    ...table(['RECORD', 'REGISTER', 'BASIS', 'SAYS'], records.map(cells), width),
    '',
    ...table(
      ['BANK', 'PCR', 'VALUE FROM ZEROS'],
      Object.entries(pcrs).flatMap(([bank, values]) =>
        Object.entries(values).map(([pcr, value]) => [bank, pcr, value]),
      ),
      undefined,
    ),
  ];
}

const REGISTERS: Readonly<Record<ReportedRecord['register']['kind'], string>> = {
  pcr: 'PCR',
  nv: 'NV',
  cc: 'CC',
};

const cells = ({ index, register, basis, name }: ReportedRecord): Span[] => [
  String(index),
  `${REGISTERS[register.kind]} ${register.kind === 'nv' ? hexNumber(register.index) : register.index}`,
  basis === 'label' ? caution('unverified') : 'proved',
  name,
];

const hexNumber = (value: number): string => `0x${value.toString(16)}`;
