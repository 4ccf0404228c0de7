import type { EventMeaning, Meaning } from './event-meaning.ts';
import { safeLine } from './safe-line.ts';
import { nameOfVariable } from './name-of-variable.ts';

/**
 * One short line that says to a person what an event is about; `unknown` where nothing is known. It is safe
 * to show, and no more proved than the meaning is: a caller says so where its basis is `label`.
 */
export const nameOfMeaning = (meaning: EventMeaning): string => safeLine(lineOf(meaning));

function lineOf(meaning: Meaning): string {
  switch (meaning.kind) {
    case 'separator':
      return SEPARATORS[meaning.value];
    case 'action':
    case 'text':
      return meaning.text;
    case 'version':
      return meaning.text === '' ? 'firmware version: empty' : `firmware version ${meaning.text}`;
    case 'variable':
      return nameOfVariable(meaning);
    case 'image':
      return `${ROLES[meaning.role]} ${meaning.file ?? placeOf(meaning)}`;
    case 'gpt':
      return `partition table of disk ${meaning.disk}: ${counted(meaning.partitions.length, 'partition')}`;
    case 'blob':
      return meaning.description || `firmware at ${rangeOf(meaning)}`;
    case 'handoff-tables':
      return meaning.description || `tables: ${meaning.tables.map(tableName).join(', ') || 'none'}`;
    case 'command-line':
      return meaning.text === undefined
        ? 'kernel command line (its text is not in the log)'
        : `kernel command line: ${meaning.text}`;
    case 'loader-command':
      return `${meaning.module ? 'command line of a module' : 'loader command'}: ${meaning.text}`;
    case 'loader-file':
      return `file ${meaning.path}`;
    case 'initrd':
      return meaning.description || 'initrd';
    case 'mok':
      return meaning.value === undefined ? `shim's ${meaning.name}` : ofMok(meaning);
    case 'sbat':
      return `SBAT level ${meaning.level ?? 'of no date'}: ${sbatComponents(meaning.text)}`;
    case 'systemd':
      return `${SYSTEMD[meaning.what]} ${meaning.text}`;
    case 'windows':
      return nameOfWindows(meaning);
    case 'spdm':
      return `device measurement (${meaning.description})`;
    case 'note':
      return `note ${meaning.signature}`;
    case 'software':
      return nameOfSoftware(meaning.event);
    case 'unknown':
      return 'unknown';
  }
}

type Of<Kind extends Meaning['kind']> = Extract<Meaning, { kind: Kind }>;

const SEPARATORS: Readonly<Record<Of<'separator'>['value'], string>> = {
  zero: 'separator',
  ones: 'separator',
  error: 'separator: an error of the firmware',
  other: 'separator of another value',
};

const ROLES: Readonly<Record<Of<'image'>['role'], string>> = {
  application: 'boot application',
  'boot-driver': 'boot driver',
  'runtime-driver': 'runtime driver',
};

const SYSTEMD: Readonly<Record<Of<'systemd'>['what'], string>> = {
  'section-name': 'name of section',
  section: 'section',
  credentials: 'systemd:',
  extensions: 'systemd:',
  addon: 'add-on',
  'loader-conf': 'configuration',
  profile: 'profile',
  smbios: 'SMBIOS',
};

const counted = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? '' : 's'}`;

const placeOf = ({ devicePath, imageLength }: Of<'image'>): string =>
  devicePath || `from memory, ${imageLength} bytes`;

const rangeOf = ({ base = 0n, length = 0n }: Of<'blob'>): string =>
  `0x${base.toString(16)}, ${length} bytes`;

/** UEFI 2.10, 4.6.1. */
const TABLES: Readonly<Record<string, string>> = {
  'eb9d2d30-2d88-11d3-9a16-0090273fc14d': 'ACPI 1.0',
  '8868e871-e4f1-11d3-bc22-0080c73c8881': 'ACPI',
  'eb9d2d31-2d88-11d3-9a16-0090273fc14d': 'SMBIOS',
  'f2fd1544-9794-4a2c-992e-e5bbcf20e394': 'SMBIOS 3',
};

const tableName = ({ vendor }: Of<'handoff-tables'>['tables'][number]): string =>
  TABLES[vendor] ?? vendor;

const ofMok = ({ name, value }: Of<'mok'>): string =>
  value?.length === 0 ? `shim's ${name}: empty` : `shim's ${name}: ${value?.[0]}`;

/** After the first line, which is the date's. */
const sbatComponents = (text: string): string =>
  text.trim().split('\n').slice(1).join(', ') || 'nothing revoked';

function nameOfWindows({ count, names }: Of<'windows'>): string {
  if (count === 0) return 'Windows: BitLocker';
  const what = names[0] ?? 'events that are not known here';
  return count === 1 ? `Windows: ${what}` : `Windows: ${what}, ${count - 1} in it`;
}

function nameOfSoftware(event: Of<'software'>['event']): string {
  switch (event.kind) {
    case 'file':
    case 'tree':
      return event.path;
    case 'absent':
      return `${event.path} (absent)`;
    case 'command-line':
      return `kernel command line: ${event.text}`;
  }
}
