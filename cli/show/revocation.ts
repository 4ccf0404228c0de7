import type { Revocation } from '@touchstone/schemas';
import { counted } from './state.ts';
import { caution, good, type Line } from './text.ts';

/** What became of a TPM at the CA. */
export function revocationLines({ ekRef, revoked, listed }: Revocation): Line[] {
  const what =
    revoked === 0
      ? 'It had no certificate left that holds.'
      : `${counted(revoked, 'certificate')} of it ${revoked === 1 ? 'is' : 'are'} revoked.`;
  return [
    good('The CA certifies its TPM no more, for good.'),
    `  TPM ${ekRef}`,
    `  ${what}`,
    listed
      ? '  The revocation lists say so; the server goes by them within seconds.'
      : caution('  The revocation lists do not say so yet: they follow once the CA can sign.'),
  ];
}

/** For a login that has no word at the CA. */
export const notAtCaLines = (ekRef: string): Line[] => [
  caution('The CA was not told: this login has no token of it.'),
  '  At this server the host is revoked for good. So that its TPM gets no certificate',
  '  any more either, whoever has a token of the CA runs',
  ...commandLines(ekRef),
];

/** Where the first half is done, and the second failed. */
export const halfDoneLines = (ekRef: string): Line[] => [
  caution('At the server the host is revoked for good; the CA could not be told.'),
  '  Once it can, run',
  ...commandLines(ekRef),
];

const commandLines = (ekRef: string): Line[] => [
  `  touchstone ca revoke --reason TEXT \\`,
  `    ${ekRef}`,
];
