import { X509Certificate } from 'node:crypto';
import { hashHex, ParseError } from '@touchstone/tpm';
import { EFI_GLOBAL_VARIABLE, EFI_IMAGE_SECURITY_DATABASE } from '../efi/guid.ts';
import { parseLoadOption } from '../efi/load-option.ts';
import {
  parseSignature,
  parseSignatureLists,
  type Signature,
  type SignatureList,
} from '../efi/signature-list.ts';
import type { VariableMeaning } from './event-meaning.ts';

/** A variable in words: what Secure Boot is, whom it trusts, what is booted. */
export function nameOfVariable(variable: VariableMeaning): string {
  try {
    return told(variable) ?? plain(variable);
  } catch (error) {
    if (error instanceof ParseError) return plain(variable);
    throw error;
  }
}

const plain = ({ name, value }: VariableMeaning): string =>
  `variable ${name}, ${value.length} ${value.length === 1 ? 'byte' : 'bytes'}`;

/** UEFI 2.10, 3.3: one byte, 1 for yes. */
const FLAGS = ['SecureBoot', 'SetupMode', 'AuditMode', 'DeployedMode'];
const KEYS = ['PK', 'KEK'];

function told(variable: VariableMeaning): string | undefined {
  const { role, vendor, name, value } = variable;
  if (role === 'authority') {
    return `vouched for by ${subjectOf(parseSignature(value)) ?? plain(variable)} (${name})`;
  }
  const isGlobal = vendor === EFI_GLOBAL_VARIABLE;
  if (isGlobal && FLAGS.includes(name) && value.length === 1) return flagged(name, value[0]);
  if (vendor === EFI_IMAGE_SECURITY_DATABASE || (isGlobal && KEYS.includes(name))) {
    return `${name}: ${signaturesInWords(parseSignatureLists(value))}`;
  }
  if (!isGlobal) return undefined;
  if (name === 'BootOrder' || name === 'BootNext') return `${name} ${numbers(value).join(', ')}`;
  return /^(?:Boot|Driver|SysPrep)[0-9A-F]{4}$/u.test(name) ? bootOption(variable) : undefined;
}

const flagged = (name: string, value: number | undefined): string =>
  value === 1 ? `${name} is on` : value === 0 ? `${name} is off` : `${name} is ${value}`;

function numbers(value: Uint8Array): string[] {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const count = Math.min(Math.floor(value.length / 2), MAX_SHOWN);
  return Array.from({ length: count }, (_, at) =>
    view
      .getUint16(2 * at, true)
      .toString(16)
      .toUpperCase()
      .padStart(4, '0'),
  );
}

function bootOption({ name, value }: VariableMeaning): string {
  const { description, filePaths } = parseLoadOption(value);
  return `${name} "${description}": ${filePaths[0]?.text ?? 'nowhere'}`;
}

const MAX_SHOWN = 64;
/** As many certificates are named; db has two or three. */
const MAX_NAMED = 4;

function signaturesInWords(lists: readonly SignatureList[]): string {
  const certificates = ofKinds(lists, (kind) => kind === 'x509');
  const hashes = ofKinds(lists, isHash).length;
  const others = ofKinds(lists, (kind) => kind !== 'x509' && !isHash(kind)).length;
  const named = certificates.slice(0, MAX_NAMED).flatMap((each) => subjectOf(each) ?? []);
  const more = certificates.length > named.length ? ', ...' : '';
  const names = named.length === 0 ? '' : ` (${named.join(', ')}${more})`;
  return (
    [
      certificates.length > 0 ? `${counted(certificates.length, 'certificate')}${names}` : '',
      hashes > 0 ? counted(hashes, 'hash', 'hashes') : '',
      others > 0 ? counted(others, 'other signature') : '',
    ]
      .filter((part) => part !== '')
      .join(', ') || 'empty'
  );
}

const isHash = (kind: SignatureList['kind']): boolean => kind.startsWith('sha');

const ofKinds = (
  lists: readonly SignatureList[],
  isOf: (kind: SignatureList['kind']) => boolean,
): readonly Signature[] =>
  lists.filter(({ kind }) => isOf(kind)).flatMap((list) => list.signatures);

const counted = (count: number, noun: string, nouns = `${noun}s`): string =>
  `${count} ${count === 1 ? noun : nouns}`;

/** A certificate's common name, or else its subject on one line. Undefined for what is no certificate. */
function subjectOf({ data }: Signature): string | undefined {
  const digest = hashHex('sha256', data);
  if (!SUBJECTS.has(digest)) {
    if (SUBJECTS.size >= MAX_SUBJECTS) SUBJECTS.clear();
    SUBJECTS.set(digest, readSubject(data));
  }
  return SUBJECTS.get(digest);
}

/** By SHA-256 of what is named: reading a certificate costs forty times that, and all machines have the same few. */
const SUBJECTS = new Map<string, string | undefined>();
const MAX_SUBJECTS = 1_024;

function readSubject(data: Uint8Array): string | undefined {
  try {
    const { subject } = new X509Certificate(data);
    return /^CN=(.*)$/mu.exec(subject)?.[1] ?? subject.replaceAll('\n', ', ');
  } catch {
    return data.length === 32 ? `SHA-256 ${Buffer.from(data).toString('hex')}` : undefined;
  }
}
