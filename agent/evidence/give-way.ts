import { AppError, type Client } from '@touchstone/transport';

/**
 * A client whose answers are waited for until somebody more urgent has waited long enough. What was sent may still arrive:
 * evidence that another overtook is superseded, and nothing else.
 */
export function untilGivenWay(client: Client, giveWay: AbortSignal): Client {
  return {
    request: (options) => {
      const given = Promise.withResolvers<never>();
      const give = () => given.reject(gaveWay(options.path));
      if (giveWay.aborted) give();
      giveWay.addEventListener('abort', give, { once: true });
      return Promise.race([client.request(options), given.promise]).finally(() =>
        giveWay.removeEventListener('abort', give),
      );
    },
    close: () => client.close(),
  };
}

const gaveWay = (path: string): AppError =>
  new AppError('TIMEOUT', 504, {
    title: 'No answer before a VM asked to be started',
    detail: path,
    remedy: 'Nothing to do: this host attests again soon.',
  });
