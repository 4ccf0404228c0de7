import type { CaStatus } from '@touchstone/schemas';
import { until } from './age.ts';
import { table } from './table.ts';
import { bad, caution, good, type Line, type Span } from './text.ts';

const STATE: Record<CaStatus['issuers'][number]['state'], Span> = {
  active: good('active'),
  'verify-only': caution('verify-only'),
  refused: bad('refused'),
};

export function caStatusLines(
  { epoch, anchors, issuers, trustBundle }: CaStatus,
  now: Date,
  width: number | undefined,
): Line[] {
  const { hostsThere, hostsBehind } = trustBundle;
  return [
    ...table(
      ['ISSUER', 'STATE', 'ENDS', 'KEY ID'],
      issuers.map(({ subject, state, notAfter, keyId }) => [
        subject,
        STATE[state],
        until(notAfter, now),
        keyId,
      ]),
      width,
    ),
    '',
    ...table(
      ['ANCHOR', 'ENDS', 'SHA-256'],
      anchors.map(({ subject, notAfter, fingerprint }) => [
        subject,
        until(notAfter, now),
        fingerprint,
      ]),
      width,
    ),
    '',
    `List of issuers: epoch ${epoch}.`,
    `Trust bundle: epoch ${trustBundle.epoch}, ends ${until(trustBundle.notAfter, now)}.`,
    `Hosts that have shown it: ${hostsThere}; not yet: ${hostsBehind}.`,
  ];
}
