import { isIPv6 } from 'node:net';
import type { Context } from 'koa';

/**
 * Who is asking, for bounds on how much: the address of the connection, of IPv6 the first 64 bits, since
 * whoever has one such address has the others too (RFC 6177). No header that a client can write counts.
 */
export function clientAddress(ctx: Context): string {
  const address = ctx.req.socket.remoteAddress ?? 'unix';
  if (!isIPv6(address)) return address;
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/iu.exec(address) ?? [];
  return mapped ?? networkOf(address);
}

function networkOf(address: string): string {
  const [head = '', tail] = address.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [first, last] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  return `${[...first, ...Array<string>(zeros).fill('0'), ...last].slice(0, 4).join(':')}::/64`;
}
