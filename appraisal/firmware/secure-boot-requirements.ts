import type { Finding, SecureBootRequirement } from '@touchstone/schemas';
import type { LiveBaseline } from '../comparison/applicable-baselines.ts';
import { nameOfBaseline } from '../comparison/event-text.ts';
import { finding } from '../finding.ts';
import type { Authority } from './authorities.ts';
import { digestsIn } from './image-offences.ts';
import type { SecureBootVariables, Switch } from './secure-boot-variables.ts';

/** What the documents ask of Secure Boot is held against. */
export type MeasuredSecureBoot = {
  readonly variables: SecureBootVariables;
  readonly authorities: readonly Authority[];
  /** Generations by component. */
  readonly sbat: ReadonlyMap<string, number>;
};

/** As many as a finding spells out. */
const MAX_SPELT = 4;

/** Where Secure Boot is not what the documents ask. What is unknown meets nothing that is asked for as such. */
export function requirementFindings(
  documents: readonly LiveBaseline[],
  measured: MeasuredSecureBoot,
): Finding[] {
  return documents.flatMap(({ baseline }) => {
    const { secureBoot: asked } = baseline;
    if (asked === undefined) return [];
    const nearest = nameOfBaseline(baseline);
    return [
      ...switchFindings(asked, measured.variables, nearest),
      ...dbxFindings(asked, measured.variables, nearest),
      ...authorityFindings(asked, measured.authorities, nearest),
      ...sbatFindings(asked, measured.sbat, nearest),
    ];
  });
}

function switchFindings(
  { mode: effect, ...asked }: SecureBootRequirement,
  { secureBoot, setupMode, auditMode, deployedMode }: SecureBootVariables,
  nearest: string,
): Finding[] {
  const wanted: readonly (readonly [string, Switch, Switch, boolean])[] = [
    ['SecureBoot', 'on', secureBoot, true],
    // Firmware need not measure these three: TCG PC Client PFP, 3.3.4.8.
    ['SetupMode', 'off', setupMode, asked.setupMode === false && setupMode !== 'unknown'],
    ['AuditMode', 'off', auditMode, asked.auditMode === false && auditMode !== 'unknown'],
    ['DeployedMode', 'on', deployedMode, asked.deployedMode === true && deployedMode !== 'unknown'],
  ];
  return wanted
    .filter(([, expected, actual, isAsked]) => isAsked && expected !== actual)
    .map(([subject, expected, actual]) =>
      finding('SECURE_BOOT_OFF', { subject, expected, actual, nearest, effect }),
    );
}

function dbxFindings(
  { mode: effect, dbxIncludes = [] }: SecureBootRequirement,
  { dbx }: SecureBootVariables,
  nearest: string,
): Finding[] {
  const present = digestsIn(dbx);
  const absent = dbxIncludes.filter((digest) => !present.has(digest));
  if (absent.length === 0) return [];
  const spelt = absent.slice(0, MAX_SPELT).join(', ');
  return [
    finding('DBX_STALE', {
      subject: 'dbx in PCR 7',
      expected: `${dbxIncludes.length} digests, ${spelt} among them`,
      actual: `${absent.length} of them are not among its ${present.size}`,
      ...{ nearest, effect },
    }),
  ];
}

function authorityFindings(
  { mode: effect, authorities: listed }: SecureBootRequirement,
  used: readonly Authority[],
  nearest: string,
): Finding[] {
  if (listed === undefined) return [];
  const known = new Set(listed.map(({ sha256 }) => sha256));
  const expected = listed
    .slice(0, MAX_SPELT)
    .map(({ sha256, name }) => name ?? sha256)
    .join(' or ');
  return used
    .filter(({ sha256 }) => !known.has(sha256))
    .map(({ event: { index, pcr, claimedTypeName: type }, variable, sha256 }) =>
      finding('SECURE_BOOT_AUTHORITY', {
        subject: `${variable} in PCR 7`,
        ...{ expected, actual: `sha256 ${sha256}`, nearest, effect },
        event: { index, pcr, type, name: variable },
      }),
    );
}

function sbatFindings(
  { mode: effect, sbat: asked = {} }: SecureBootRequirement,
  measured: ReadonlyMap<string, number>,
  nearest: string,
): Finding[] {
  return Object.entries(asked)
    .filter(([component, generation]) => !((measured.get(component) ?? 0) >= generation))
    .map(([component, generation]) =>
      finding('SBAT_STALE', {
        subject: `SbatLevel, ${component}`,
        expected: `generation ${generation} or later`,
        actual: `${measured.get(component) ?? 'not named'}`,
        ...{ nearest, effect },
      }),
    );
}
