import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export const house = fileURLToPath(new URL('../..', import.meta.url));

/** What is used here of a service in the Compose specification. Other keys are known by `UNDERSTOOD`. */
export type Service = {
  image?: string;
  build?: { context?: string; dockerfile?: string; target?: string };
  user?: string;
  command?: string[];
  networks?: string[] | Record<string, unknown>;
  network_mode?: string;
  ports?: string[];
  volumes?: string[];
  tmpfs?: string[];
  secrets?: string[];
  configs?: { source: string; target: string }[];
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  pids_limit?: number;
  mem_limit?: string;
  cpus?: number;
  restart?: string;
  healthcheck?: { test?: string[] };
  depends_on?: Record<string, { condition?: string }>;
} & Record<string, unknown>;

export type Compose = {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean }>;
  volumes: Record<string, Record<string, unknown>>;
  secrets: Record<string, { file?: string } & Record<string, unknown>>;
  configs: Record<string, { file?: string } & Record<string, unknown>>;
};

/** docker-compose.yml anew, merge keys resolved: whoever gets it may change it. */
export const readCompose = (): Compose =>
  structuredClone(
    parse(readFileSync(`${house}/docker-compose.yml`, 'utf8'), { merge: true }) as Compose,
  );

/** One rule: what in this file breaks it. */
export type Rule = (compose: Compose) => string[];

/** A rule that looks at one service at a time. */
const eachService =
  (broken: (service: Service, name: string) => boolean): Rule =>
  ({ services }) =>
    Object.keys(services).filter((name) => broken(services[name] ?? {}, name));

const networksOf = ({ networks = [] }: Service): string[] =>
  (Array.isArray(networks) ? networks : Object.keys(networks)).toSorted();

const same = (a: readonly string[] | undefined, b: readonly string[]): boolean =>
  JSON.stringify((a ?? []).toSorted()) === JSON.stringify(b.toSorted());

const SERVING = ['proxy', 'server', 'ca', 'ca-issuance', 'postgres'];

/** Where each may be. The proxy is not with the data, and nothing but the proxy is in front. */
const NETWORKS: Readonly<Record<string, readonly string[]>> = {
  proxy: ['app', 'front'],
  server: ['app', 'data'],
  ca: ['app', 'data'],
  postgres: ['data'],
  roles: ['data'],
  'server-migrate': ['data'],
  'ca-init': ['data'],
  'ca-issuance': [],
};

/** The secrets that each needs, and no other. */
const SECRETS: Readonly<Record<string, readonly string[]>> = {
  proxy: [],
  server: [
    'postgres-server',
    'server-bundle-key',
    'server-permit-key',
    'server-result-key',
    'server-root-secret',
    'server-tls-key',
  ],
  'server-migrate': ['postgres-server-migrate'],
  ca: ['ca-tls-key', 'postgres-ca'],
  'ca-issuance': ['ca-key-passphrase'],
  'ca-init': ['postgres-ca-migrate'],
  postgres: ['postgres-admin'],
  roles: [
    'postgres-admin',
    'postgres-ca',
    'postgres-ca-migrate',
    'postgres-server',
    'postgres-server-migrate',
    'postgres-server-read',
  ],
};

/** What a service may say. A key that is not here (privileged, devices, pid, …) breaks a rule. */
const UNDERSTOOD = new Set(
  `image build user command networks ports volumes tmpfs secrets configs read_only cap_drop security_opt
   pids_limit mem_limit cpus restart healthcheck depends_on logging stop_signal stop_grace_period
   shm_size ulimits network_mode`.split(/\s+/u),
);

/** name:version, without a registry's host and with no name for "whatever is newest". */
export const isPinnedTag = (image = ''): boolean =>
  /^[a-z0-9-]+:[a-z0-9][a-z0-9.-]*$/u.test(image) && !image.endsWith(':latest');

const WRITABLE: Readonly<Record<string, readonly string[]>> = {
  postgres: ['database:/var/lib/touchstone/postgres'],
  'ca-issuance': ['ca-keys:/var/lib/touchstone/ca', 'ca-issuance:/run/touchstone/ca-issuance'],
};
const isReadOnlyVolume = (volume: string): boolean => /^[a-z-]+:\/[^:]+:ro$/u.test(volume);

export const RULES = {
  onlyProxyPublishes: eachService(({ ports = [] }, name) => ports.length > 0 && name !== 'proxy'),
  networksApart: eachService((service, name) => {
    const wanted = NETWORKS[name] ?? [];
    // A service that names no network is on one that compose makes for all such.
    const mode = wanted.length === 0 ? 'none' : undefined;
    return !same(networksOf(service), wanted) || service.network_mode !== mode;
  }),
  noWayOut: ({ networks }) =>
    ['app', 'data'].filter((network) => networks[network]?.internal !== true),
  readOnlyRoot: eachService(({ read_only }) => read_only !== true),
  noCapabilities: eachService(({ cap_drop }) => !same(cap_drop, ['ALL'])),
  noNewPrivileges: eachService(
    ({ security_opt }) => !same(security_opt, ['no-new-privileges:true']),
  ),
  nothingUnknown: eachService((service) =>
    Object.keys(service).some((key) => !UNDERSTOOD.has(key)),
  ),
  userOfItsOwn: ({ services }) => {
    const imagesOf = new Map<string, Set<string>>();
    const broken = Object.entries(services).filter(([, { user = '', image = '' }]) => {
      imagesOf.set(user, (imagesOf.get(user) ?? new Set()).add(image));
      return !/^(?<id>[1-9][0-9]{4}):\k<id>$/u.test(user);
    });
    const shared = [...imagesOf].filter(([, images]) => images.size > 1).map(([user]) => user);
    return [...broken.map(([name]) => name), ...shared];
  },
  secretsOnlyWhereNeeded: eachService(
    ({ secrets }, name) => !same(secrets, SECRETS[name] ?? ['none is foreseen']),
  ),
  secretsAreFiles: ({ secrets }) =>
    Object.entries(secrets)
      .filter(
        ([name, secret]) => !same(Object.keys(secret), ['file']) || !secret.file?.endsWith(name),
      )
      .map(([name]) => name),
  limits: eachService(
    ({ pids_limit = 0, mem_limit = '', cpus = 0 }) =>
      !(pids_limit > 0 && /^[1-9][0-9]*[mg]$/u.test(mem_limit) && cpus > 0),
  ),
  health: eachService(
    ({ healthcheck }, name) => SERVING.includes(name) && healthcheck?.test?.[0] !== 'CMD',
  ),
  onceMeansOnce: eachService(
    ({ restart }, name) => restart !== (SERVING.includes(name) ? 'unless-stopped' : 'no'),
  ),
  order: ({ services }) =>
    Object.values(services).flatMap(({ depends_on = {} }) =>
      Object.entries(depends_on)
        .filter(([name, { condition }]) => {
          const wanted = SERVING.includes(name)
            ? 'service_healthy'
            : 'service_completed_successfully';
          return !(name in services) || condition !== wanted;
        })
        .map(([name]) => name),
    ),
  pinnedTags: eachService(({ image }) => !isPinnedTag(image)),
  writesOnlyWhereForeseen: eachService(({ volumes = [] }, name) =>
    volumes.some((volume) => !isReadOnlyVolume(volume) && !WRITABLE[name]?.includes(volume)),
  ),
  commandsAreLists: eachService(
    ({ command, ...service }) =>
      !Array.isArray(command) || command.length === 0 || 'entrypoint' in service,
  ),
} as const satisfies Record<string, Rule>;
