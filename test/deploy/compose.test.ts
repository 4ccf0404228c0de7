import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import {
  type Compose,
  house,
  isPinnedTag,
  readCompose,
  type Rule,
  RULES,
} from '../support/compose.ts';

const service = (compose: Compose, name: string) => {
  const found = compose.services[name];
  assert.ok(found, name);
  return found;
};

/** A rule in words, the rule, and a breach of it that it has to see. */
type Case = readonly [says: string, rule: Rule, breach: (compose: Compose) => unknown];

const CASES: readonly Case[] = [
  [
    'only the proxy publishes a port',
    RULES.onlyProxyPublishes,
    (c) => (service(c, 'postgres').ports = ['5432:5432']),
  ],
  [
    'front, app and data are apart: the proxy is not with the data, nothing else is in front',
    RULES.networksApart,
    (c) => (service(c, 'proxy').networks = ['front', 'app', 'data']),
  ],
  [
    'a service that nobody foresaw is on no network',
    RULES.networksApart,
    (c) => (c.services['debug'] = { networks: ['data'] }),
  ],
  [
    'the CA’s keys are where there is no network',
    RULES.networksApart,
    (c) => delete service(c, 'ca-issuance').network_mode,
  ],
  ['no way leads out of app and data', RULES.noWayOut, (c) => (c.networks['data'] = {})],
  [
    'every root file system is read-only',
    RULES.readOnlyRoot,
    (c) => (service(c, 'server').read_only = false),
  ],
  [
    'nobody has a capability',
    RULES.noCapabilities,
    (c) => (service(c, 'ca').cap_drop = ['NET_RAW']),
  ],
  [
    'nobody gains privileges by executing something, and no confinement is lifted',
    RULES.noNewPrivileges,
    (c) => service(c, 'ca').security_opt?.push('seccomp=unconfined'),
  ],
  [
    'a service says nothing that these rules do not understand',
    RULES.nothingUnknown,
    (c) => (service(c, 'proxy')['privileged'] = true),
  ],
  [
    'no secret comes in the environment',
    RULES.nothingUnknown,
    (c) => (service(c, 'postgres')['environment'] = { POSTGRES_PASSWORD: 'secret' }),
  ],
  [
    'each image runs as a user of its own, none as root',
    RULES.userOfItsOwn,
    (c) => (service(c, 'server').user = '0:0'),
  ],
  [
    'no two images share a user',
    RULES.userOfItsOwn,
    (c) => (service(c, 'server').user = service(c, 'ca').user ?? ''),
  ],
  [
    'each gets the secrets that it needs, and no other',
    RULES.secretsOnlyWhereNeeded,
    (c) => service(c, 'server').secrets?.push('postgres-server-migrate'),
  ],
  [
    'secrets are files',
    RULES.secretsAreFiles,
    (c) => (c.secrets['postgres-ca'] = { environment: 'CA_PASSWORD' }),
  ],
  [
    'memory, processors and processes are bounded',
    RULES.limits,
    (c) => delete service(c, 'roles').pids_limit,
  ],
  [
    'whatever serves has a health check',
    RULES.health,
    (c) => (service(c, 'ca').healthcheck = { test: ['NONE'] }),
  ],
  [
    'what runs once is not started again, what serves is',
    RULES.onceMeansOnce,
    (c) => (service(c, 'ca-init').restart = 'always'),
  ],
  [
    'each waits until what it needs is well or done',
    RULES.order,
    (c) => (service(c, 'ca').depends_on = { 'ca-init': { condition: 'service_started' } }),
  ],
  [
    'images are pinned by a tag and name no registry',
    RULES.pinnedTags,
    (c) => (service(c, 'proxy').image = 'registry.example/haproxy:latest'),
  ],
  [
    'nothing of the machine is mounted, and only the database and the maker of keys write',
    RULES.writesOnlyWhereForeseen,
    (c) => (service(c, 'proxy').volumes = ['/var/run/docker.sock:/var/run/docker.sock']),
  ],
  [
    'the CA that serves cannot write where its keys are',
    RULES.writesOnlyWhereForeseen,
    (c) => (service(c, 'ca').volumes = ['ca-keys:/var/lib/touchstone/ca']),
  ],
  [
    'the passphrase of the CA’s keys is the issuance’s alone',
    RULES.secretsOnlyWhereNeeded,
    (c) => service(c, 'ca').secrets?.push('ca-key-passphrase'),
  ],
  [
    'every command is a list of words, and no entry point hides another',
    RULES.commandsAreLists,
    (c) => (service(c, 'ca')['entrypoint'] = ['sh', '-c']),
  ],
];

describe('docker-compose.yml', () => {
  for (const [says, rule, breach] of CASES) {
    it(says, () => {
      assert.deepEqual(rule(readCompose()), []);
      const broken = readCompose();
      breach(broken);
      assert.notDeepEqual(rule(broken), [], 'the rule does not see its breach');
    });
  }

  it('has a breach for every rule', () => {
    const tried = new Set(CASES.map(([, rule]) => rule));
    assert.deepEqual(
      Object.entries(RULES).filter(([, rule]) => !tried.has(rule)),
      [],
    );
  });

  it('uses each secret, configuration file and volume that it declares, and declares each', () => {
    const { services, ...compose } = readCompose();
    const all = Object.values(services);
    const names = (of: string[]) => [...new Set(of)].toSorted();
    assert.deepEqual(
      names(all.flatMap(({ secrets = [] }) => secrets)),
      Object.keys(compose.secrets).toSorted(),
    );
    assert.deepEqual(
      names(all.flatMap(({ configs = [] }) => configs.map(({ source }) => source))),
      Object.keys(compose.configs).toSorted(),
    );
    assert.deepEqual(
      names(all.flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0] ?? ''))),
      Object.keys(compose.volumes).toSorted(),
    );
  });
});

describe('deploy/images', () => {
  const dockerfiles = globSync('deploy/images/*.Dockerfile', { cwd: house });
  const textOf = (path: string) => readFileSync(`${house}/${path}`, 'utf8');
  /** The lines of a target, and of those that it is made from. */
  const linesOf = (path: string, target: string): string[] => {
    const stages = textOf(path).split(/^(?=FROM )/mu);
    const stage = stages.find((text) => text.split('\n')[0]?.endsWith(` AS ${target}`));
    assert.ok(stage, `${path}: ${target}`);
    const [first = '', ...lines] = stage.split('\n');
    const base = /^FROM ([a-z]+) AS/u.exec(first)?.[1];
    return base === undefined ? lines : [...linesOf(path, base), ...lines];
  };

  it('start from Debian 12 by its tag, and from nothing else', () => {
    assert.ok(dockerfiles.length > 0);
    for (const path of dockerfiles) {
      const stages = new Set<string>();
      for (const [, base = '', name = ''] of textOf(path).matchAll(/^FROM (\S+) AS (\S+)$/gmu)) {
        assert.ok(base === 'debian:bookworm-slim' || stages.has(base), `${path}: ${base}`);
        stages.add(name);
      }
      assert.equal(
        textOf(path).match(/^FROM /gmu)?.length,
        stages.size,
        `${path}: a stage without a name`,
      );
    }
    assert.ok(isPinnedTag('debian:bookworm-slim'));
  });

  it('have a target for each service, and end as the user that the service runs as', () => {
    for (const [name, { build, user, image }] of Object.entries(readCompose().services)) {
      if (build === undefined) continue;
      assert.equal(image, `touchstone-${name}:0.1.0`);
      const { dockerfile = '', target = '' } = build;
      assert.ok(dockerfiles.includes(dockerfile), dockerfile);
      assert.equal(
        linesOf(dockerfile, target).findLast((line) => line.startsWith('USER ')),
        `USER ${user}`,
      );
    }
  });

  it('hold no secret and set none', () => {
    for (const path of dockerfiles) assert.doesNotMatch(textOf(path), /password|secret/iu);
    assert.equal(textOf('.dockerignore').split('\n')[1], '*');
    assert.doesNotMatch(textOf('.dockerignore'), /^!deployment/mu);
  });

  for (const room of ['ca', 'server']) {
    it(`give the ${room} the rooms that it imports, and no other`, () => {
      const wanted = new Set<string>();
      const add = (name: string): void => {
        if (wanted.has(name)) return;
        wanted.add(name);
        const { dependencies = {} } = JSON.parse(textOf(`${name}/package.json`)) as {
          dependencies?: Record<string, string>;
        };
        for (const dependency of Object.keys(dependencies)) {
          if (dependency.startsWith('@touchstone/')) add(dependency.slice('@touchstone/'.length));
        }
      };
      add(room);
      const copied = linesOf('deploy/images/rooms.Dockerfile', room).flatMap(
        (line) => /^COPY ([a-z]+) \1$/u.exec(line)?.[1] ?? [],
      );
      assert.deepEqual(copied.toSorted(), [...wanted].toSorted());
      const passed = textOf('.dockerignore');
      for (const name of wanted) assert.ok(passed.includes(`!${name}\n`), name);
    });
  }
});
