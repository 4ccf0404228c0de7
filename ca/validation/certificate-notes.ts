import {
  isRegisteredManufacturer,
  manufacturerOf,
  TCG_OID,
  type TpmDescription,
} from '@touchstone/endorsement';
import type { Finding } from '@touchstone/schemas';
import { CA_CODES, type CaCode } from '../codes.ts';
import { lineOfText } from '../line-of-text.ts';
import type { EkChain } from './ek-chain.ts';
import type { Vouched } from './enrollment-check.ts';

/**
 * What a person should know of an EK certificate that is taken. The class comes from the root alone and nothing
 * here changes it; but a certificate that names another maker than the one that vouches for it, or a maker where
 * nobody vouches, is somebody's lie or mistake.
 */
export function certificateNotes(
  chain: EkChain,
  vouched: Vouched,
  { weaknesses }: TpmDescription,
): Finding[] {
  const quirks = quirksOf(chain);
  const claimed = chain.leaf?.tpm.manufacturer;
  const expected = expectedMaker(chain, vouched, claimed);
  return [
    ...(expected === undefined
      ? []
      : [note('EK_CLAIM_MISMATCH', 'warn', { expected, actual: claimed ?? 'no tpmManufacturer' })]),
    ...(weaknesses.length === 0
      ? []
      : [note('EK_WEAK_KEY', 'warn', { actual: weaknesses.join(', ') })]),
    ...usageNotes(chain),
    ...(quirks.length === 0
      ? []
      : [
          note('EK_CERT_QUIRKS', 'observe', {
            actual: quirks.map((quirk) => `quirk:${quirk}`).join(', '),
          }),
        ]),
  ];
}

/** Of the EK's certificate, and of the path to the root. */
export const quirksOf = (chain: EkChain): readonly string[] => [
  ...(chain.leaf?.quirks ?? []),
  ...(chain.kind === 'trusted' ? chain.quirks : []),
];

/** I19: what a root lets pass is told all the same. Of one that nobody vouches for there is nothing to add. */
function usageNotes(chain: EkChain): Finding[] {
  if (chain.kind !== 'trusted') return [];
  const { quirks } = chain.leaf;
  const actual = quirks.includes('no-eku')
    ? 'no extKeyUsage'
    : quirks.includes('other-eku')
      ? 'extKeyUsage for other uses'
      : undefined;
  return actual === undefined
    ? []
    : [note('EK_CERT_EKU', 'warn', { expected: TCG_OID.ekCertificate, actual })];
}

/** undefined where the claim is as it may be. */
function expectedMaker(
  chain: EkChain,
  { class: assuranceClass, voucher }: Vouched,
  claimed: string | undefined,
): string | undefined {
  if (chain.kind !== 'trusted') {
    const lies = assuranceClass === 'software' || voucher.by === 'pin';
    const named = claimed !== undefined && isRegisteredManufacturer(claimed);
    return lies && named ? 'no maker of TPMs: nobody vouches for one' : undefined;
  }
  const { manufacturers } = chain.root;
  if (manufacturers === undefined) return undefined;
  const names = manufacturers.map(manufacturerOf);
  const fits = claimed !== undefined && names.includes(manufacturerOf(claimed));
  return fits ? undefined : names.join(', ');
}

function note(
  code: CaCode,
  effect: 'warn' | 'observe',
  told: { readonly expected?: string; readonly actual: string },
): Finding {
  const { remedy } = CA_CODES[code];
  const actual = lineOfText(told.actual, 256);
  return { code, effect, subject: 'EK certificate', ...told, actual, remedy, actor: 'operator' };
}
