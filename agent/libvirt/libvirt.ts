import { agentError } from '../codes.ts';
import { GIVEN_FILE, virsh, type VirshOptions } from './virsh.ts';

/** virDomainState, in its order. */
const STATES = [
  'no state',
  'running',
  'idle',
  'paused',
  'in shutdown',
  'shut off',
  'crashed',
  'pmsuspended',
] as const;
type DomainState = (typeof STATES)[number];

/** A domain as libvirt lists it. `state` is libvirt's own word, or `unknown`. */
export type ListedDomain = {
  readonly uuid: string;
  readonly name: string;
  readonly state: DomainState | 'unknown';
  readonly autostart: boolean;
  readonly persistent: boolean;
};

/**
 * This host's libvirt, by `virsh`. Every call is bounded in time and fails with LIBVIRT_UNAVAILABLE, or with
 * LIBVIRT_FAILED and libvirt's own words. While libvirt waits for its hook, of all these only `setSecret`, `defineSecret`
 * and `unsetSecret` are answered (seen on 9.0); the others would wait for the hook that waits for them.
 */
export type Libvirt = {
  domains(): Promise<readonly ListedDomain[]>;
  /** As it runs, where it runs; without secrets. */
  xmlOf(uuid: string): Promise<string>;
  start(uuid: string): Promise<void>;
  suspend(uuid: string): Promise<void>;
  shutdown(uuid: string): Promise<void>;
  destroy(uuid: string): Promise<void>;
  /** Ephemeral and private, without a value; again where it is there already. */
  defineSecret(uuid: string): Promise<void>;
  setSecret(uuid: string, value: Uint8Array): Promise<void>;
  /** Takes the secret away with its value. */
  unsetSecret(uuid: string): Promise<void>;
};

export function libvirtAt(options: VirshOptions = {}): Libvirt {
  const run = (...args: readonly string[]) => virsh(args, options);
  const tell = (verb: string) => async (uuid: string) => {
    await run(verb, '--domain', requireUuid(uuid));
  };
  return {
    domains: async () => {
      const [named, autostart, persistent, states] = await Promise.all([
        run('list', '--all', '--uuid', '--name'),
        run('list', '--all', '--autostart', '--uuid').then(linesOf),
        run('list', '--all', '--persistent', '--uuid').then(linesOf),
        run('domstats', '--state', '--raw', '--nowait').then(statesIn),
      ]);
      return [...named.matchAll(/^([0-9a-f-]{36}) (.+)$/gmu)].map(([, uuid = '', name = '']) => ({
        uuid,
        name,
        state: states.get(name) ?? 'unknown',
        autostart: autostart.includes(uuid),
        persistent: persistent.includes(uuid),
      }));
    },
    xmlOf: async (uuid) => run('dumpxml', '--domain', requireUuid(uuid)),
    start: tell('start'),
    suspend: tell('suspend'),
    shutdown: tell('shutdown'),
    destroy: tell('destroy'),
    defineSecret: async (uuid) => {
      const xml = `<secret ephemeral='yes' private='yes'><uuid>${requireUuid(uuid)}</uuid></secret>`;
      await virsh(['secret-define', GIVEN_FILE], { ...options, given: Buffer.from(xml) });
    },
    setSecret: async (uuid, value) => {
      const args = ['secret-set-value', requireUuid(uuid), '--file', GIVEN_FILE, '--plain'];
      await virsh(args, { ...options, given: value });
    },
    unsetSecret: async (uuid) => {
      await run('secret-undefine', requireUuid(uuid));
    },
  };
}

const linesOf = (text: string): readonly string[] => text.split('\n');

/** By name: `domstats` knows no UUIDs. */
function statesIn(text: string): ReadonlyMap<string, DomainState> {
  const found = text.matchAll(/^Domain: '(.+)'\n  state\.state=(\d)$/gmu);
  return new Map(
    [...found].flatMap(([, name = '', number]) => {
      const state = STATES[Number(number)];
      return state === undefined ? [] : [[name, state] as const];
    }),
  );
}

/** What is no UUID would be a name, or an option. */
function requireUuid(text: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u.test(text)) return text;
  throw agentError('LIBVIRT_FAILED', { detail: 'not a UUID' });
}
