import type { AlertList } from '@touchstone/schemas';
import { age } from './age.ts';
import { fields } from './fields.ts';
import { table } from './table.ts';
import { faint, type Line } from './text.ts';

/** What happened, and beneath it what to do about each kind, once. */
export function alertLines(
  { alerts }: AlertList,
  now: Date,
  { width, textWidth }: { readonly width: number | undefined; readonly textWidth: number },
): Line[] {
  if (alerts.length === 0) return ['There are no alerts.'];
  const rows = alerts.map((alert) => {
    const { code, subject, count, firstAt, lastAt, acknowledgedAt, id, detail } = alert;
    return [
      ...[code, subject, String(count), age(firstAt, now), age(lastAt, now)],
      ...[id, acknowledgedAt === null ? detail : faint(`acknowledged; ${detail}`)],
    ];
  });
  const remedies = new Map(
    alerts.flatMap(({ code, remedy }) => (remedy === null ? [] : [[code, remedy] as const])),
  );
  return [
    ...table(['CODE', 'ON', 'TIMES', 'FIRST', 'LAST', 'ID', 'DETAIL'], rows, width),
    '',
    ...fields([...remedies], { width: textWidth }),
  ];
}
