import type { Client, ClientRequest } from '@touchstone/transport';
import type { Static, TSchema } from 'typebox';

/** A client whose answers may be waited for so long altogether, however many there are: ms. */
export function patientClient(
  client: Client,
  totalMs: number,
): Client & { readonly leftMs: () => number } {
  let left = totalMs;
  const request = async <T extends TSchema>(options: ClientRequest<T>): Promise<Static<T>> => {
    const begun = performance.now();
    try {
      return await client.request({ ...options, timeoutMs: Math.max(1, Math.round(left)) });
    } finally {
      left -= performance.now() - begun;
    }
  };
  return { request, close: () => client.close(), leftMs: () => Math.max(0, left) };
}
