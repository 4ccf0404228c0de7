import {
  EFI_GLOBAL_VARIABLE,
  EFI_IMAGE_SECURITY_DATABASE,
  parseSignatureLists,
  type SignatureList,
} from '@touchstone/eventlog';
import { ParseError } from '@touchstone/tpm';
import { type BelievedEvent, type MeaningOf, ofKind } from './believed-events.ts';
import { eventOffence, type Offence, offence } from './offence.ts';

export type Switch = 'on' | 'off' | 'unknown';

/** A list of keys or digests as it was measured; its signatures only where it could be read. */
export type MeasuredList = {
  readonly value: Uint8Array;
  readonly lists: readonly SignatureList[];
};

/** Secure Boot's variables: UEFI 2.10, 3.3 and 32.3; measured into PCR 7: TCG PC Client PFP, 3.3.4.8. */
export type SecureBootVariables = {
  readonly secureBoot: Switch;
  readonly setupMode: Switch;
  readonly auditMode: Switch;
  readonly deployedMode: Switch;
  readonly pk?: MeasuredList;
  readonly kek?: MeasuredList;
  readonly db?: MeasuredList;
  readonly dbx?: MeasuredList;
};

const SWITCHES = {
  SecureBoot: 'secureBoot',
  SetupMode: 'setupMode',
  AuditMode: 'auditMode',
  DeployedMode: 'deployedMode',
} as const;

const LISTS = {
  PK: ['pk', EFI_GLOBAL_VARIABLE],
  KEK: ['kek', EFI_GLOBAL_VARIABLE],
  db: ['db', EFI_IMAGE_SECURITY_DATABASE],
  dbx: ['dbx', EFI_IMAGE_SECURITY_DATABASE],
} as const;

type Variable = BelievedEvent<MeaningOf<'variable'>>;

/**
 * The variables that were believed, and what contradicts itself in them: one that comes twice or after the separator
 * (of both is then nothing believed), a switch that is not one byte of 0 or 1, a list that cannot be read.
 */
export function secureBootVariables(events: readonly BelievedEvent[]): {
  readonly variables: SecureBootVariables;
  readonly offences: readonly Offence[];
} {
  const offences: Offence[] = [];
  const byName = Map.groupBy(ofKind(events, 'variable').filter(isConfig), nameOf);
  const single = (name: string, vendor: string): Variable | undefined => {
    const found = (byName.get(name) ?? []).filter(({ meaning }) => meaning.vendor === vendor);
    const early = found.filter(({ late }) => !late);
    for (const { event } of found.filter(({ late }) => late)) {
      offences.push(eventOffence('SECURE_BOOT_VARIABLE_LATE', event, { name }));
    }
    for (const { event } of early.slice(1)) {
      offences.push(eventOffence('SECURE_BOOT_VARIABLE_REPEATED', event, { name }));
    }
    return found.length === 1 ? early[0] : undefined;
  };
  const switches = Object.entries(SWITCHES).map(([name, key]) => {
    const variable = single(name, EFI_GLOBAL_VARIABLE);
    return [key, variable === undefined ? 'unknown' : switchOf(variable, name, offences)] as const;
  });
  const lists = Object.entries(LISTS).flatMap(([name, [key, vendor]]) => {
    const variable = single(name, vendor);
    return variable === undefined ? [] : [[key, listOf(variable, name, offences)] as const];
  });
  const measured: SecureBootVariables = {
    ...(Object.fromEntries(switches) as Record<(typeof switches)[number][0], Switch>),
    ...Object.fromEntries(lists),
  };
  offences.push(...contradictions(measured, byName));
  // Without the key that it would rest on, that it is on is no more than a word.
  const rests =
    measured.secureBoot !== 'on' || (measured.pk !== undefined && countOf(measured.pk) > 0);
  return { variables: rests ? measured : { ...measured, secureBoot: 'unknown' }, offences };
}

function switchOf({ event, meaning }: Variable, name: string, offences: Offence[]): Switch {
  const { value } = meaning;
  const [byte] = value;
  if (value.length === 1 && (byte === 0 || byte === 1)) return byte === 1 ? 'on' : 'off';
  const details = { name, expected: 'one byte, 0 or 1', actual: `${value.length} bytes` };
  const isEmpty = name === 'SecureBoot' && value.length === 0;
  const quirk = isEmpty ? 'SECURE_BOOT_VARIABLE_EMPTY' : undefined;
  offences.push(eventOffence('SECURE_BOOT_VARIABLE_LENGTH', event, details, quirk));
  return isEmpty ? 'off' : 'unknown';
}

function listOf({ event, meaning }: Variable, name: string, offences: Offence[]): MeasuredList {
  const { value } = meaning;
  try {
    return { value, lists: parseSignatureLists(value) };
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const actual = `${error.code} in ${error.field}`;
    offences.push(eventOffence('SECURE_BOOT_VARIABLE_MALFORMED', event, { name, actual }));
    return { value, lists: [] };
  }
}

function contradictions(
  { secureBoot, pk }: SecureBootVariables,
  byName: ReadonlyMap<string, readonly Variable[]>,
): Offence[] {
  const subject = 'SecureBoot in PCR 7';
  if (!byName.has('SecureBoot')) {
    const details = { subject, expected: 'measured', actual: 'nothing believed' };
    return [offence('SECURE_BOOT_NOT_MEASURED', details, 'SECURE_BOOT_NOT_MEASURED')];
  }
  if (secureBoot !== 'on' || (pk !== undefined && countOf(pk) > 0)) return [];
  const details = { subject, expected: 'a platform key (PK)', actual: 'none' };
  const quirk = byName.has('PK') ? undefined : 'SECURE_BOOT_NOT_MEASURED';
  return [offence('SECURE_BOOT_WITHOUT_PK', details, quirk)];
}

/** Certificates and digests together. */
export const countOf = ({ lists }: MeasuredList): number =>
  lists.reduce((sum, { signatures }) => sum + signatures.length, 0);

const isConfig = ({ event, meaning }: Variable): boolean =>
  event.pcr === 7 && meaning.role === 'config';

const nameOf = ({ meaning }: Variable): string => meaning.name;
