import type {
  TpmRoot,
  TpmRootAdmitted,
  TpmRootExport,
  TpmRootImportOutcome,
  TpmRootList,
} from '@touchstone/schemas';
import { until } from './age.ts';
import { fields } from './fields.ts';
import { classText, counted } from './state.ts';
import { table } from './table.ts';
import { bad, caution, faint, good, type Line, type Span, strong } from './text.ts';

type Look = {
  readonly now: Date;
  readonly width: number | undefined;
  readonly textWidth: number;
};

export function rootListLines(
  answer: TpmRootList,
  { now, width, textWidth, intermediates }: Look & { readonly intermediates: boolean },
): Line[] {
  const { roots, version, listVersion, waiting } = answer;
  const shown = intermediates ? [...roots, ...answer.intermediates] : roots;
  return [
    ...(roots.length === 0 ? [caution('No maker of TPMs is trusted yet.')] : []),
    ...(shown.length === 0 ? [] : rootTable(shown, now, width)),
    '',
    ...fields(
      [
        ['version', `${version}; the list that matches at once is ${listVersion}`],
        ['links', `${answer.intermediates.length}, trusted for nothing by themselves`],
        ['by a pin', counted(answer.admittedByPin, 'TPM')],
        ['software', counted(answer.admittedAsSoftware, 'TPM')],
        ['unrecorded', answer.admittedUnrecorded > 0 && String(answer.admittedUnrecorded)],
        [
          'waiting',
          waiting > 0 ? caution(`${counted(waiting, 'TPM')}: touchstone ca ek waiting`) : 'nobody',
        ],
      ].map(([label, value]) => [label as string, value || null] as const),
      { width: textWidth },
    ),
    ...(roots.length === 0 ? whereToFetch(answer) : []),
  ];
}

/** For whoever starts with none. */
function whereToFetch({ collections }: TpmRootList): Line[] {
  return [
    '',
    'Fetch the certificates of your TPMs’ makers, for instance:',
    ...collections.flatMap(({ name, url }): Line[] => [`  ${name}`, `    ${url}`]),
    '',
    'A .cab is extracted with `cabextract -d DIR TrustedTpm.cab` (check its signature first).',
    'Then: touchstone ca bundle import DIR',
  ];
}

function rootTable(roots: readonly TpmRoot[], now: Date, width: number | undefined): Line[] {
  return table(
    ['MAKER', 'CLASS', 'EK', 'ENDS', 'TPMS', 'SHA-256', 'SUBJECT'],
    roots.map((root) => [
      root.maker,
      root.class === null ? faint('link') : classText(root.class),
      root.ekAlgorithm ?? faint('-'),
      root.notAfter.startsWith('9999') ? 'never' : until(root.notAfter, now),
      root.kind === 'root' ? String(root.admitted) : faint('-'),
      root.fingerprint.slice(0, 16),
      root.from === 'configuration' ? `${root.subject} (configuration)` : root.subject,
    ]),
    width,
  );
}

const OUTCOME: Readonly<Record<TpmRootImportOutcome['outcome'], readonly [Span, string]>> = {
  taken: [good('taken'), 'on the list, or signed by a root that is trusted'],
  already: ['held already', 'nothing to do'],
  'class-needed': [caution('of no single class'), 'say of which with `touchstone ca bundle add`'],
  'not-on-list': [
    caution('not on the list'),
    'add each with where you have it from, if you trust it',
  ],
  'no-root': [caution('without a root'), 'links whose root is not trusted: trust that first'],
  malformed: [bad('not read'), 'no certificate that could be used'],
};

const NAMED = 20;

export function importLines(
  {
    outcomes,
    unreadable,
  }: {
    readonly outcomes: readonly TpmRootImportOutcome[];
    readonly unreadable: readonly string[];
  },
  width: number,
): Line[] {
  const lines: Line[] = [];
  for (const [outcome, [title, meaning]] of Object.entries(OUTCOME)) {
    const those = outcomes.filter((one) => one.outcome === outcome);
    if (those.length > 0) lines.push([`${those.length}`.padStart(5), '  ', title, `: ${meaning}`]);
  }
  if (unreadable.length > 0) {
    lines.push([`${unreadable.length}`.padStart(5), '  ', faint('files without a certificate')]);
  }
  const roots = outcomes.filter(
    ({ outcome }) => outcome === 'class-needed' || outcome === 'not-on-list',
  );
  const named = roots.slice(0, NAMED);
  for (const { subject, fingerprint, name, detail } of named) {
    lines.push('', strong(subject ?? name));
    lines.push(
      ...fields(
        [
          ['file', name],
          ['SHA-256', fingerprint],
          ['note', detail],
        ],
        { indent: 2, width },
      ),
    );
  }
  const more = roots.length - named.length;
  if (more > 0) lines.push('', `and ${more} more: --json has them all.`);
  if (roots.length > 0) {
    lines.push('', 'touchstone ca bundle add FILE --class … --maker … --source … --licence …');
  }
  return lines;
}

/** What a root's removal would mean, or means. */
export function admittedLines(
  { root, count, lastUntil, keys }: TpmRootAdmitted,
  { now, width, textWidth, names }: Look & { readonly names: ReadonlyMap<string, string> },
): Line[] {
  const head: Line[] = [
    strong(root.subject),
    ...fields(
      [
        ['SHA-256', root.fingerprint],
        ['maker', root.maker],
        [
          'class',
          root.class === null ? 'none: a link, trusted for nothing' : classText(root.class),
        ],
        ['source', root.provenance?.source],
        ['url', root.provenance?.url],
        ['licence', root.provenance?.licence],
        ['added', root.provenance && `${root.provenance.at} by ${root.provenance.by}`],
        ['admitted', counted(count, 'TPM')],
      ],
      { indent: 2, width: textWidth },
    ),
  ];
  if (count === 0) return [...head, '', 'No host depends on it.'];
  return [
    ...head,
    '',
    ...table(
      ['HOST', 'CLASS', 'ENDS', 'EKREF'],
      keys.map(({ ekRef, class: assuranceClass, certificateUntil }) => [
        names.get(ekRef) ?? faint('no host'),
        classText(assuranceClass),
        certificateUntil === null ? faint('ended') : until(certificateUntil, now),
        ekRef,
      ]),
      width,
    ),
    ...(count > keys.length ? [`and ${count - keys.length} more`] : []),
    '',
    'Once it is removed none of them renews, unless another root vouches for it too.',
    lastUntil === null
      ? 'None has a certificate now.'
      : `The last of their certificates holds until ${lastUntil}.`,
  ];
}

/** PEM with what is known of each above it. Explanatory text between certificates is allowed: RFC 7468, 5.2. */
export const pemOfExport = ({ certificates, version }: TpmRootExport): Line[] => [
  `# Roots and intermediates of TPM makers, version ${version}`,
  ...certificates.flatMap(({ record, der }) => [
    '',
    `# ${record.subject}`,
    `# ${record.kind}, ${record.class ?? 'trusted for nothing'}, maker ${record.maker}`,
    `# SHA-256 ${record.fingerprint}`,
    ...(record.provenance === null
      ? ['# from the configuration of the CA']
      : [
          `# from ${record.provenance.source}`,
          `# licence ${record.provenance.licence}; added ${record.provenance.at} by ${record.provenance.by}`,
        ]),
    ...pemLines(der),
  ]),
];

function pemLines(der: string): string[] {
  const base64 = Buffer.from(der, 'base64url').toString('base64');
  const lines = base64.match(/.{1,64}/gu) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----'];
}
