import type { EkCertificateReport } from '../inspect/ek-certificate-report.ts';
import { fields } from './fields.ts';
import { findingLines } from './finding.ts';
import type { TitleOf } from './reason-titles.ts';
import { bad, caution, faint, good, type Line, type Span } from './text.ts';

const VERDICT: Record<EkCertificateReport['chain'], Span> = {
  trusted: good('The chain leads to a root that you gave.'),
  'unknown-root': bad('No root that you gave vouches for this certificate.'),
  invalid: bad('The chain does not hold.'),
  'not-checked': caution('The chain was not checked: give the roots that you trust with --roots.'),
};

/** An EK certificate for reading: what it says, who vouches for it, and what speaks against it. */
export function ekCertificateLines(
  { subject, issuer, key, tpm, chain, quirks, findings }: EkCertificateReport,
  {
    certificate,
    titleOf,
    textWidth,
  }: {
    certificate: {
      readonly serial: string;
      readonly notBefore: Date;
      readonly notAfter: Date;
    };
    titleOf: TitleOf;
    textWidth: number;
  },
): Line[] {
  const { serial, notBefore, notAfter } = certificate;
  return [
    VERDICT[chain],
    '',
    ...fields(
      [
        ['subject', subject === '' ? faint('none') : subject],
        ['issuer', issuer === '' ? faint('none') : issuer],
        ['serial', serial],
        ['key', key],
        ['manufacturer', tpm.manufacturer === null ? null : manufacturerText(tpm.manufacturer)],
        ['model', tpm.model],
        ['version', tpm.version],
        ['valid', `${notBefore.toISOString()} to ${notAfter.toISOString()}`],
        ['quirks', quirks.length === 0 ? null : quirks.map((quirk) => `quirk:${quirk}`).join(', ')],
      ],
      { indent: 2, width: textWidth },
    ),
    ...findings.flatMap((finding, index): Line[] => [
      '',
      ...findingLines(finding, { number: index + 1, titleOf, width: textWidth }),
    ]),
  ];
}

/** TCG EK Credential Profile 2.5, 3.1.2: `id:` and the vendor's four ASCII characters in hex. */
function manufacturerText(manufacturer: string): string {
  const [, hex = ''] = /^id:([0-9a-f]{8})$/iu.exec(manufacturer) ?? [];
  const vendor = Buffer.from(hex, 'hex')
    .toString('latin1')
    .replace(/[\0 ]+$/u, '');
  return /^[\x21-\x7e]+$/u.test(vendor) ? `${vendor} (${manufacturer})` : manufacturer;
}
