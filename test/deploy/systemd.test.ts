import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { house } from '../support/compose.ts';

/** systemd-analyze's scale: 0 is closed, 10 is open to everything. */
const MOST_EXPOSED = 3;

/** Those of services that others tell apart by their user. */
const OWN_USERS = ['touchstone-agent', 'touchstone-courier'];

const UNITS = globSync('deploy/systemd/*.service', { cwd: house }).toSorted();
const textOf = (path: string) => readFileSync(join(house, path), 'utf8');
const valuesOf = (unit: string, key: string): string[] =>
  [...textOf(unit).matchAll(new RegExp(`^${key}=(.*)$`, 'gmu'))].map(([, value = '']) => value);

async function exposureOf(path: string): Promise<number> {
  const judge = ['security', '--offline=true', '--no-pager', path];
  const { stdout } = await promisify(execFile)('systemd-analyze', judge, {
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
  const exposure = /Overall exposure level for \S+: ([0-9.]+)/u.exec(stdout)?.[1];
  assert.ok(exposure !== undefined, stdout);
  return Number(exposure);
}

describe('deploy/systemd', () => {
  it('has a unit for each room that is a process', () => {
    const names = UNITS.map((unit) => basename(unit, '.service'));
    assert.deepEqual(names, [
      'touchstone-agent-courier',
      'touchstone-agent',
      'touchstone-ca-issuance',
      'touchstone-ca',
      'touchstone-server',
    ]);
  });

  for (const unit of UNITS) {
    describe(basename(unit), () => {
      it('is exposed less than 3.0', async () => {
        const exposure = await exposureOf(join(house, unit));
        assert.ok(exposure < MOST_EXPOSED, String(exposure));
      });

      it('does not run as root, and writes in its state directory alone', () => {
        const [user] = valuesOf(unit, 'User');
        assert.ok(valuesOf(unit, 'DynamicUser')[0] === 'yes' || OWN_USERS.includes(user ?? ''));
        assert.deepEqual(valuesOf(unit, 'ProtectSystem'), ['strict']);
        assert.deepEqual(valuesOf(unit, 'ReadWritePaths'), []);
        assert.deepEqual(valuesOf(unit, 'Environment'), []);
      });

      it('leaves no picture of its memory behind', () => {
        assert.deepEqual(valuesOf(unit, 'LimitCORE'), ['0']);
      });

      it('starts what is there', () => {
        for (const line of [...valuesOf(unit, 'ExecStartPre'), ...valuesOf(unit, 'ExecStart')]) {
          const [program = '', script = ''] = line.split(' ');
          for (const path of [program.replace('/usr/lib/touchstone/', ''), script]) {
            assert.ok(existsSync(join(house, path)), path);
          }
        }
        assert.deepEqual(valuesOf(unit, 'WorkingDirectory'), ['/usr/lib/touchstone']);
      });

      it('says nothing that systemd does not know', () => {
        const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', join(house, unit)], {
          encoding: 'utf8',
        });
        const complaints = stderr.split('\n').filter((line) => line.includes(basename(unit)));
        const elsewhere = /is not executable: No such file or directory$/u;
        assert.deepEqual(
          complaints.filter((line) => !elsewhere.test(line)),
          [],
        );
      });
    });
  }

  it('gives the agent’s network to its courier, and the TPM, its state and its rights to the other part', () => {
    const [agent, courier] = ['touchstone-agent', 'touchstone-agent-courier'].map(
      (name) => `deploy/systemd/${name}.service`,
    ) as [string, string];
    assert.deepEqual(valuesOf(agent, 'PrivateNetwork'), ['yes']);
    assert.deepEqual(valuesOf(agent, 'RestrictAddressFamilies'), ['AF_UNIX']);
    assert.deepEqual(valuesOf(courier, 'CapabilityBoundingSet'), ['']);
    for (const right of [
      'StateDirectory',
      'DeviceAllow',
      'SupplementaryGroups',
      'LoadCredential',
    ]) {
      assert.deepEqual(valuesOf(courier, right), [], right);
    }
    const [directory] = valuesOf(courier, 'RuntimeDirectory');
    const socket = `/run/${directory}/courier.sock`;
    assert.ok(valuesOf(courier, 'ExecStart')[0]?.includes(`--socket ${socket} --group`));
    assert.ok(valuesOf(agent, 'ExecStart')[0]?.includes(`--courier ${socket}`));
    const users = textOf('deploy/systemd/touchstone.sysusers');
    assert.match(users, /^m touchstone-agent touchstone-courier$/mu);
    assert.doesNotMatch(users, /^m touchstone-courier /mu);
    for (const unit of [agent, courier]) {
      assert.deepEqual(valuesOf(unit, 'MemorySwapMax'), ['0']);
    }
  });

  it('gives the CA’s keys and their passphrase to the issuance alone, and no network to it', () => {
    const issuance = 'deploy/systemd/touchstone-ca-issuance.service';
    const others = UNITS.filter((unit) => unit !== issuance);
    const { custody, stateDir } = JSON.parse(textOf('deploy/systemd/ca.json')) as {
      custody: { issuing: { passphrase: { credential: string } } };
      stateDir: string;
    };
    const { credential } = custody.issuing.passphrase;
    assert.ok(valuesOf(issuance, 'LoadCredential').some((line) => line.startsWith(credential)));
    assert.deepEqual(valuesOf(issuance, 'StateDirectory'), [basename(stateDir)]);
    assert.deepEqual(valuesOf(issuance, 'PrivateNetwork'), ['yes']);
    assert.deepEqual(valuesOf(issuance, 'RestrictAddressFamilies'), ['AF_UNIX']);
    for (const unit of others) {
      assert.ok(!textOf(unit).includes(credential), unit);
      assert.notDeepEqual(valuesOf(unit, 'StateDirectory'), [basename(stateDir)]);
    }
  });

  it('would see a unit without its sandbox: the judge tells them apart', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'ts-unit-'));
    try {
      const open = join(dir, 'touchstone-open.service');
      await writeFile(open, '[Service]\nExecStart=/bin/true\n');
      assert.ok((await exposureOf(open)) > MOST_EXPOSED);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  for (const [room, refused] of [
    ['ca', 'CONFIG_INVALID'],
    ['server', 'SCHEMA'],
  ] as const) {
    const sample = `deploy/systemd/${room}.json`;

    it(`${room}.json names the credentials that the unit loads, all of them`, () => {
      const unit = `deploy/systemd/touchstone-${room}.service`;
      const loaded = valuesOf(unit, 'LoadCredential').map((value) => value.split(':')[0] ?? '');
      const directory = `/run/credentials/touchstone-${room}.service/`;
      const named = [...textOf(sample).matchAll(/"(\/run\/credentials\/[^"]+)"/gu)].map(
        ([, path = '']) => path,
      );
      assert.ok(
        named.every((path) => path.startsWith(directory)),
        named.join(' '),
      );
      assert.deepEqual(named.map((path) => basename(path)).toSorted(), loaded.toSorted());
    });

    it(`${room}.json is a configuration that the ${room} takes: only the files are missing`, () => {
      const { status, stderr } = spawnSync(
        process.execPath,
        [join(house, room, 'main.ts'), 'serve', '--config', join(house, sample)],
        { encoding: 'utf8' },
      );
      assert.notEqual(status, 0);
      assert.ok(!stderr.includes(refused), stderr);
      assert.match(stderr, /ENOENT|STATE_INCOMPLETE/u);
    });
  }
});
