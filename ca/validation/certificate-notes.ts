import { isRegisteredManufacturer, manufacturerOf } from '@touchstone/endorsement';
import type { Finding } from '@touchstone/schemas';
import { CA_CODES, type CaCode } from '../codes.ts';
import type { EkChain } from './ek-chain.ts';
import type { Vouched } from './enrollment-check.ts';

/**
 * What a person should know of an EK certificate that is taken. The class comes from the root alone and nothing
 * here changes it; but a certificate that names another maker than the one that vouches for it, or a maker where
 * nobody vouches, is somebody's lie or mistake.
 */
export function certificateNotes(chain: EkChain, vouched: Vouched): Finding[] {
  if (chain.leaf === undefined) return [];
  const { quirks, tpm } = chain.leaf;
  const claimed = tpm.manufacturer;
  const expected = expectedMaker(chain, vouched, claimed);
  return [
    ...(expected === undefined
      ? []
      : [note('EK_CLAIM_MISMATCH', 'warn', { expected, actual: claimed ?? 'no tpmManufacturer' })]),
    ...(quirks.length === 0
      ? []
      : [note('EK_CERT_QUIRKS', 'observe', { actual: quirks.join(', ') })]),
  ];
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
  const actual = lineOf(told.actual);
  return { code, effect, subject: 'EK certificate', ...told, actual, remedy, actor: 'operator' };
}

/** A certificate's text may hold anything; this ends in terminals and logs. */
const lineOf = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd').slice(0, 256);
