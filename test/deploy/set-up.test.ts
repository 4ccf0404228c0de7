import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { house } from '../support/compose.ts';

/** Debian's `nobody`. */
const NOBODY = '65534';
const EX_UNAVAILABLE = 69;

describe('deploy/setup, as an ordinary user', () => {
  let dir: string;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-set-up-'));
    await chmod(dir, 0o755);
    await cp(join(house, 'deploy/setup'), join(dir, 'setup'), { recursive: true });
  });
  after(() => rm(dir, { recursive: true, force: true }));

  /** debian.sh as an ordinary user, on a machine that has not got these packages. */
  async function install(...missing: string[]) {
    const hide = missing.map(
      (name) => `-e 's/^${name}=installed //' -e 's/ ${name}=installed / /'`,
    );
    const shim = `#!/bin/sh\n/usr/bin/dpkg-query "$@" | sed ${hide.join(' ') || "''"}\n`;
    await writeFile(join(dir, 'dpkg-query'), shim);
    await chmod(join(dir, 'dpkg-query'), 0o755);
    const as =
      process.getuid?.() === 0 ? ['--reuid', NOBODY, '--regid', NOBODY, '--clear-groups'] : [];
    return spawnSync('setpriv', [...as, '--', 'sh', join(dir, 'setup/debian.sh'), 'run', 'test'], {
      encoding: 'utf8',
      env: { PATH: `${dir}:/usr/bin:/bin`, HOME: dir },
    });
  }

  it('goes on in silence where all packages are there', async () => {
    const { status, stdout, stderr } = await install();
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
  });

  it('names what is missing, all of it, with the command that installs it: 69', async () => {
    const { status, stderr } = await install('swtpm', 'postgresql-15');
    assert.equal(status, EX_UNAVAILABLE);
    const command = 'apt-get update && apt-get install --no-install-recommends swtpm postgresql-15';
    assert.ok(stderr.includes(command), stderr);
  });
});
