import { anyKeyClient, type Client, pinnedClient } from '@touchstone/transport';

/**
 * How this process reaches its server and CA: by itself (`enroll`, `trust`), or by a courier (decision 59). Whatever
 * comes by it is believed for its signatures alone; only a connection of this process's own vouches for what came.
 */
export type Network = {
  /** To whoever holds one of the pinned keys; pins are looked up at each request. */
  readonly pinned: (options: {
    readonly url: string;
    readonly pin: () => readonly string[];
    readonly onPin?: (pin: string) => void;
    readonly onDate?: (date: Date) => void;
  }) => Client;
  /** To whoever answers there. */
  readonly anyKey: (options: { readonly url: string }) => Pick<Client, 'request' | 'close'>;
};

/** Connections of this process. */
export const ownNetwork: Network = { pinned: pinnedClient, anyKey: anyKeyClient };
