import { fetchFrom } from './raw-http.ts';
import type { Touchstone } from './touchstone.ts';

/** The value of one series of the server's own metrics; 0 where it was not counted yet. */
export async function metric(
  touchstone: Touchstone,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<number> {
  const { status, text } = await fetchFrom(touchstone.url, {
    path: '/v1/metrics',
    headers: { authorization: `Bearer ${touchstone.token}` },
  });
  if (status !== 200) throw new Error(`metrics: ${status} ${text}`);
  const line = text
    .split('\n')
    .find(
      (one) =>
        one.startsWith(`${name}{`) &&
        Object.entries(labels).every(([label, value]) => one.includes(`${label}="${value}"`)),
    );
  return Number(line?.split(' ').at(-1) ?? 0);
}
