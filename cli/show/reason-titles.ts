import type { Finding } from '@touchstone/schemas';

export type TitleOf = (code: string) => string | undefined;

/**
 * What a reason code means in words, from the one table of them. Loaded only where something is shown
 * to people: the table's room brings certificates and logs with it.
 */
export async function loadTitles(): Promise<TitleOf> {
  const { REASONS } = await import('@touchstone/appraisal');
  const titles = new Map<string, string>(
    Object.entries(REASONS).map(([code, { title }]) => [code, title]),
  );
  return (code) => titles.get(code);
}

/** One sentence for a finding. A code of another table is told by its subject. */
export const headlineOf = ({ code, subject }: Finding, titleOf: TitleOf): string =>
  titleOf(code) ?? subject;

/** A reason on one line. */
export function reasonLine(code: string, subject: string, titleOf: TitleOf): string {
  const title = titleOf(code);
  return title === undefined ? `${subject} (${code})` : `${title}: ${subject} (${code})`;
}
