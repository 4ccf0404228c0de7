import type { EndorsementKey, Pins, WaitingKeys } from '@touchstone/schemas';
import { ago, until } from './age.ts';
import { fields } from './fields.ts';
import { classText, counted } from './state.ts';
import { table } from './table.ts';
import { bad, caution, faint, good, type Line, type Span, strong } from './text.ts';

const STATE: Readonly<Record<EndorsementKey['state'], Span>> = {
  active: good('in service'),
  revoked: bad('revoked'),
  decommissioned: caution('out of service'),
};

const VOUCHED = { root: 'a root', pin: 'a pin', itself: 'itself' } as const;

const vouchedBy = (key: EndorsementKey): string =>
  key.vouchedBy === null ? 'not recorded' : VOUCHED[key.vouchedBy];

export function endorsementKeyListLines(
  keys: readonly EndorsementKey[],
  {
    names,
    now,
    width,
  }: {
    readonly names: ReadonlyMap<string, string>;
    readonly now: Date;
    readonly width: number | undefined;
  },
): Line[] {
  if (keys.length === 0) return ['No TPM has enrolled yet.'];
  return table(
    ['HOST', 'CLASS', 'STATE', 'VOUCHED BY', 'ENDS', 'EKREF'],
    keys.map((key) => [
      names.get(key.ekRef) ?? faint('no host'),
      classText(key.class),
      STATE[key.state],
      vouchedBy(key),
      key.certificateUntil === null ? faint('none') : until(key.certificateUntil, now),
      key.ekRef,
    ]),
    width,
  );
}

export function endorsementKeyLines(
  key: EndorsementKey,
  { host, width }: { readonly host: string | undefined; readonly width: number },
): Line[] {
  const { decided } = key;
  return [
    strong(host ?? 'no host'),
    ...fields(
      [
        ['state', STATE[key.state]],
        ['since', decided?.at],
        ['because', decided?.because],
        ['by', decided?.by],
        ['class', classText(key.class)],
        ['vouched by', vouchedBy(key)],
        ['root', key.rootSubject],
        ['', key.rootFingerprint],
        ['maker', key.maker],
        ['weaknesses', key.weaknesses.length === 0 ? null : bad(key.weaknesses.join(', '))],
        [
          'quirks',
          key.quirks.length === 0 ? null : key.quirks.map((quirk) => `quirk:${quirk}`).join(', '),
        ],
        ['certificate', key.certificateUntil === null ? 'none' : `until ${key.certificateUntil}`],
        ['activated', `${key.firstActivatedAt}, last ${key.lastActivatedAt}`],
        ['EK Name', key.ekName],
        ['ekRef', key.ekRef],
      ],
      { indent: 2, width },
    ),
  ];
}

export function waitingLines(
  { count, keys }: WaitingKeys,
  { now, width }: { readonly now: Date; readonly width: number },
): Line[] {
  if (count === 0) return ['No TPM waits.'];
  const lines = keys.flatMap((key): Line[] => [
    strong(key.issuer === null ? 'without a certificate' : key.issuer),
    ...fields(
      [
        ['key', key.key],
        ['asked', `${counted(key.times, 'time')}, last ${ago(key.lastSeenAt, now)}`],
        ['EK Name', key.ekName],
      ],
      { indent: 2, width },
    ),
    '',
  ]);
  return [
    `${counted(count, 'TPM')} that nobody vouches for. What stands here is the host's own word.`,
    '',
    ...lines,
    ...(count > keys.length ? [`and ${count - keys.length} more`] : []),
    'If its maker has a root: touchstone ca bundle import DIR',
    'If it has none: compare the EK Name on the machine itself, then',
    'touchstone ca ek pin NAME --class … --reason …',
  ];
}

export function pinLines({ count, pins }: Pins, width: number): Line[] {
  if (count === 0) return ['No EK is pinned.'];
  return pins.flatMap((pin): Line[] => [
    ...fields(
      [
        ['EK Name', pin.ekName],
        ['class', classText(pin.class)],
        ['because', pin.decided.because],
        ['by', `${pin.decided.by ?? 'whoever holds the machine'}, ${pin.decided.at}`],
      ],
      { width },
    ),
    '',
  ]);
}
