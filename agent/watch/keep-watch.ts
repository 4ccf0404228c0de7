import type { Client } from '@touchstone/transport';
import type { Logger } from 'pino';
import type { Mandates } from '../gate/mandates.ts';
import type { Libvirt } from '../libvirt/libvirt.ts';
import { Autostart } from './autostart.ts';
import { carryOut } from './loss-of-trust.ts';
import { askForOrders } from './orders.ts';
import type { KeptRecord } from './record.ts';
import type { WatchSettings } from './settings.ts';
import { type QuotedBoot, tpmResetExposures } from './tpm-resets.ts';
import type { Watch } from './watch.ts';

export type WatchDuties = {
  readonly watch: Watch;
  readonly record: KeptRecord;
  readonly settings: WatchSettings;
  readonly libvirt: Pick<Libvirt, 'start' | 'suspend' | 'shutdown' | 'destroy'>;
  readonly client: Pick<Client, 'request'>;
  readonly hostId: string;
  readonly mandates: Pick<Mandates, 'orders' | 'hearOrders' | 'observing'>;
  /** By the newest verdict on this host, and it was to be had when it was asked for last. */
  readonly isTrusted: () => boolean;
  /** By the last quote of a chip; null before the first, and without a chip. */
  readonly quotedBoot: () => QuotedBoot | null;
  readonly log: Logger;
};

/** Looks, carries out what is ordered, and starts what is to start with the host, until it is told to stop. */
export async function keepWatch(duties: WatchDuties, stop: AbortSignal): Promise<void> {
  const { watch, record, settings, libvirt, mandates, client, hostId, log } = duties;
  const { processes, shutdownSeconds } = settings;
  const autostart = new Autostart({
    roots: settings,
    record,
    start: (uuid) => libvirt.start(uuid),
    isReady: async () => duties.isTrusted() || (await mandates.observing()) !== null,
    log,
  });
  const carryOutDuties = async () => {
    const options = { record, libvirt, processes, shutdownSeconds, log };
    watch.tell('tpm', await tpmResetExposures(record, duties.quotedBoot()));
    watch.tell('orders', await carryOut(mandates.orders, watch.vms, options));
    autostart.next(new Set(watch.vms.flatMap(({ vm }) => vm ?? [])));
  };
  // One that fails ends no agent: it is told, and tried again after the next look.
  const afterwards = async () => {
    try {
      await carryOutDuties();
      watch.tell('duties', []);
    } catch (err) {
      log.error({ err }, 'what follows from a look at this host could not be done');
      const detail = err instanceof Error ? err.message : 'unknown';
      watch.tell('duties', [{ code: 'WATCH_BLIND', subject: 'this host', detail, vm: null }]);
    }
  };
  const hear = (token: string) => mandates.hearOrders(token);
  const isNeeded = () => watch.vms.some(({ vm }) => vm !== null);
  await Promise.all([
    watch.until(stop, afterwards),
    askForOrders({ client, hostId, isNeeded, hear, log }, stop),
  ]);
}
