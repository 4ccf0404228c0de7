import { CliError } from './codes.ts';

/**
 * A bearer token as it goes into a header (RFC 6750, 2.1: b64token), without the space around it.
 * @throws CliError TOKEN_MALFORMED, which never holds what was given
 */
export function checkToken(text: string): string {
  const token = text.trim();
  if (!/^[A-Za-z0-9._~+/-]{8,256}=*$/u.test(token)) throw new CliError('TOKEN_MALFORMED');
  return token;
}
