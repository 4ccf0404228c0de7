import type { ServerKeys } from '@touchstone/schemas';
import { age, until } from './age.ts';
import { fields } from './fields.ts';
import { counted } from './state.ts';
import { table } from './table.ts';
import { caution, faint, good, type Line, type Span } from './text.ts';

type Key = ServerKeys['keys'][number];

const STATE: Readonly<Record<Key['state'], Span>> = {
  next: caution('next'),
  active: good('signs'),
  retired: faint('retired'),
  withdrawn: faint('gone'),
};

export function keyLines(
  answer: ServerKeys,
  on: { readonly now: Date; readonly width: number | undefined; readonly textWidth: number },
): Line[] {
  const { keys, tls, bundleKey, bundleEpoch, behind, rotationDays } = answer;
  const shown = keys.filter(({ state }) => state !== 'withdrawn');
  const rows = shown.map((key) => [
    ...[key.use, STATE[key.state], age(key.madeAt, on.now)],
    ...[key.epoch === null ? '-' : String(key.epoch), whatNext(key, on.now), key.kid],
  ]);
  return [
    ...table(['FOR', 'STATE', 'MADE', 'BUNDLE', 'THEN', 'KEY'], rows, on.width),
    '',
    ...fields(
      [
        ['turned', `by themselves, every ${counted(rotationDays, 'day')}`],
        ['trust bundle', `${bundleEpoch}, ${bundleKeyText(bundleKey)}`],
        ["server's TLS key", tls.server.join(', ') || null],
        ["CA's TLS key", tls.ca.join(', ')],
        ['not followed', behindText(behind)],
      ],
      { indent: 0, width: on.textWidth },
    ),
    ...(bundleKey.signs
      ? []
      : [
          '',
          'The next trust bundle cannot be signed. Give the former key as',
          '`previousBundleKeyFile`; if it is lost:',
          '  touchstone keys replace-bundle-key',
        ]),
  ];
}

function whatNext({ state, until: at }: Key, now: Date): string {
  if (state === 'next') return 'when hosts know it';
  if (at === null) return '-';
  return state === 'active' ? `another ${until(at, now)}` : `leaves ${until(at, now)}`;
}

const bundleKeyText = ({ signs }: ServerKeys['bundleKey']): string =>
  signs ? 'its next one can be signed' : 'whose next one cannot be signed';

const behindText = ({ count, named }: ServerKeys['behind']): Span =>
  count === 0
    ? good('every host that is there knows the newest bundle')
    : caution(
        `${counted(count, 'host')}: ${named.join(', ')}${count > named.length ? ' and others' : ''}`,
      );
