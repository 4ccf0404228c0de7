import type { Logger } from 'pino';
import type { Network } from '../network.ts';
import { CourierChild } from './courier-child.ts';
import { connectTo, courierNetwork } from './network.ts';

/** By the courier that runs at that socket, or by one of its own for as long as the work takes. */
export async function withCourier<T>(
  by: { readonly stateDir: string; readonly courier: string | null; readonly log: Logger },
  work: (network: Network) => Promise<T>,
): Promise<T> {
  const { courier } = by;
  if (courier !== null) return work(courierNetwork((signal) => connectTo(courier, signal)));
  const child = new CourierChild(by.stateDir, by.log);
  try {
    return await work(courierNetwork((signal) => child.connect(signal)));
  } finally {
    await child.close();
  }
}
