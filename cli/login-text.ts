import { CliError } from './codes.ts';
import { checkToken } from './token.ts';

/** What somebody logs in with. One of both at least. */
export type LoginTokens = { readonly server?: string; readonly ca?: string };

/**
 * The text of a token file: a token of the server, one of the CA, or both joined by a dot, as `up` prints them. Neither of
 * the two is ever shown the other's.
 * @throws CliError TOKEN_MALFORMED
 */
export function readLoginText(text: string): LoginTokens {
  const [one = '', other, ...more] = checkToken(text).split('.');
  if (more.length > 0) throw new CliError('TOKEN_MALFORMED');
  if (other === undefined) return isOfCa(one) ? { ca: one } : { server: one };
  if (isOfCa(one) || !isOfCa(other)) throw new CliError('TOKEN_MALFORMED');
  return { server: one, ca: other };
}

const isOfCa = (token: string): boolean => token.startsWith('tsc_');
