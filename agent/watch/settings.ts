import { Type } from 'typebox';
import { closed } from '@touchstone/schemas';

const AbsolutePath = Type.String({ pattern: '^/[^\\u0000-\\u001f]*$', maxLength: 1_024 });

/** `watch` in agent.yaml: where a host shows what runs on it. An agent in a container has the host’s own handed in. */
export const WatchConfig = closed({
  /** proc(5). */
  processes: Type.Optional(AbsolutePath),
  /** libvirt's: hooks lie in it, and domains that start with the host. */
  libvirtConfiguration: Type.Optional(AbsolutePath),
  /** libvirt's, of this boot. */
  libvirtState: Type.Optional(AbsolutePath),
  /** What a process has open that runs a VM with the processor's help. */
  kvm: Type.Optional(AbsolutePath),
  /** How long a VM that loses trust, and whose record says `shutdown`, has until it is ended. */
  shutdownSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_600 })),
});

export type WatchSettings = Required<Type.Static<typeof WatchConfig>>;

export type WatchRoots = Omit<WatchSettings, 'shutdownSeconds'>;

export const WATCH_SETTINGS: WatchSettings = {
  processes: '/proc',
  libvirtConfiguration: '/etc/libvirt',
  libvirtState: '/run/libvirt',
  kvm: '/dev/kvm',
  shutdownSeconds: 60,
};
