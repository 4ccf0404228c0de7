import { type EventMeaning, type LogEvent, nameOfMeaning, readMeaning } from '@touchstone/eventlog';
import { believedSoftware, placeOf } from '../measured-software.ts';

/** What a person calls an event. */
export type EventLabel = {
  /** What it is: `SecureBoot`, `\EFI\debian\grubx64.efi`, `/boot/vmlinuz`; of a command its text. */
  readonly name: string;
  /** What kind of thing that is, where the name does not tell: `variable`, `GRUB command`. */
  readonly kind?: string;
  /** What was found there, where more is known than a digest. */
  readonly content?: string;
  /** The same in a few words, as a document lists it beside the name: `on`, `3 hashes`. */
  readonly version?: string;
  /** SHA-256 of the file that a software TPM's event is about. */
  readonly file?: string;
  /** Whether the name stays the same while the content changes. A text has nothing of the kind. */
  readonly steady: boolean;
  /** Whether the event's digests prove the name. What they do not prove, anybody may have written. */
  readonly verified: boolean;
};

const KNOWN = new WeakMap<LogEvent, { readonly label: EventLabel | undefined }>();

/** What an event says that it is about; undefined where it says nothing that is known here. */
export function labelOf(event: LogEvent): EventLabel | undefined {
  let known = KNOWN.get(event);
  if (known === undefined) {
    known = { label: softwareLabel(event) ?? meaningLabel(readMeaning(event)) };
    KNOWN.set(event, known);
  }
  return known.label;
}

/** What stays the same while the content changes; a directory that takes a file's place is the same place. */
export function placeOfEvent(event: LogEvent): string | undefined {
  const label = labelOf(event);
  return label?.steady === true ? placeOf(label.name) : undefined;
}

/** The name as it is shown beside what is proved: `shimx64.efi (unverified)`. */
export const shownName = ({ name, verified }: EventLabel): string =>
  verified ? name : `${name} (unverified)`;

function softwareLabel(event: LogEvent): EventLabel | undefined {
  const believed = believedSoftware(event);
  if (believed === undefined) return undefined;
  const { name, content, file, place } = believed;
  return {
    name,
    ...(place === undefined ? { kind: 'kernel command line' } : {}),
    content,
    ...(file === undefined ? {} : { file }),
    steady: place !== undefined,
    verified: true,
  };
}

function meaningLabel(meaning: EventMeaning): EventLabel | undefined {
  const verified = meaning.basis !== 'label';
  const steady = (name: string, kind?: string): EventLabel => ({
    ...(kind === undefined ? { name } : { name, kind }),
    steady: true,
    verified,
  });
  const text = (name: string, kind: string): EventLabel => ({
    name,
    kind,
    steady: false,
    verified,
  });
  switch (meaning.kind) {
    case 'separator':
      return { ...steady('separator'), content: meaning.value };
    case 'action':
      return text(meaning.text, 'action');
    case 'version':
      return { ...steady('firmware version'), ...told(meaning, 'firmware version') };
    case 'variable': {
      // Of a value alone neither the variable's name nor its vendor is proved.
      const { basis, name, role } = meaning;
      const nameProved = basis === 'data' || (basis === 'part' && meaning.part === 'structure');
      const kind = role === 'authority' ? 'authority' : 'variable';
      return { ...steady(name, kind), ...told(meaning, name), verified: nameProved };
    }
    case 'image': {
      const { role, file, devicePath } = meaning;
      const from = file ?? (devicePath === '' ? 'loaded from memory' : devicePath);
      return steady(from, IMAGE_ROLES[role]);
    }
    case 'gpt':
      return { ...steady('partition table'), ...told(meaning, 'partition table of') };
    case 'blob':
      return steady(nameOfMeaning(meaning));
    case 'handoff-tables':
      return steady(meaning.description ?? 'handoff tables');
    case 'command-line':
      return text(meaning.text ?? '', 'kernel command line');
    case 'loader-command':
      return text(meaning.text, meaning.module === true ? 'module command line' : 'GRUB command');
    case 'loader-file':
      return steady(meaning.path, 'file');
    case 'initrd':
      return steady(meaning.description, 'initrd');
    case 'mok':
      return { ...steady(meaning.name, "shim's"), ...told(meaning, meaning.name) };
    case 'sbat':
      return { ...steady('SbatLevel', 'variable'), ...told(meaning, 'SBAT level') };
    case 'systemd':
      return text(meaning.text, `systemd ${meaning.what}`);
    case 'spdm':
      return steady(meaning.description, 'device');
    case 'text':
      return text(meaning.text, 'text');
    case 'windows':
    case 'note':
    case 'software':
    case 'unknown':
      return undefined;
  }
}

/** What the meaning in words says beyond the name. */
function told(meaning: EventMeaning, name: string): { content: string; version?: string } {
  const content = nameOfMeaning(meaning);
  const [, authority] = /^vouched for by (.*) \([^()]*\)$/u.exec(content) ?? [];
  const rest = content.startsWith(name)
    ? content.slice(name.length).replace(/^(?::| is)? /u, '')
    : '';
  const version = authority ?? rest;
  return version === '' || version.length > MAX_VERSION ? { content } : { content, version };
}

/** As the schema of a baseline has it. */
const MAX_VERSION = 128;

const IMAGE_ROLES = {
  application: 'boot application',
  'boot-driver': 'boot driver',
  'runtime-driver': 'runtime driver',
} as const;
