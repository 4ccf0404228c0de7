/**
 * What of a text to log in with is the server's: `up` prints its token and the CA's joined by a dot, and this page knows
 * the server alone. Null where nothing of it is.
 */
export function serverTokenOf(text: string): string | null {
  return (
    text
      .trim()
      .split('.')
      .find((token) => token !== '' && !token.startsWith('tsc_')) ?? null
  );
}
