const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const;

/** The time between, in its largest whole unit. Clocks differ, so what is yet to come is now. */
export function age(timestamp: string, now: Date): string {
  return span(Math.floor((now.getTime() - Date.parse(timestamp)) / 1_000));
}

/** When something ends, seen from now. */
export function until(timestamp: string, now: Date): string {
  const seconds = Math.ceil((Date.parse(timestamp) - now.getTime()) / 1_000);
  return seconds <= 0 ? 'expired' : `in ${span(seconds)}`;
}

export const ago = (timestamp: string, now: Date): string => `${age(timestamp, now)} ago`;

function span(seconds: number): string {
  for (const [unit, size] of UNITS) {
    if (seconds >= size) return `${Math.floor(seconds / size)}${unit}`;
  }
  return '0s';
}
