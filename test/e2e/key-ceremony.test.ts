import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { once } from 'node:events';
import { CaOwnStatus } from '@touchstone/schemas';
import { pinnedClient, spkiPinOf } from '@touchstone/transport';
import { house } from '../support/compose.ts';
import { openShell, sectionsOf, type Shell } from '../support/document-commands.ts';
import { type Postgres, type PostgresLogin, startPostgres } from '../support/postgres.ts';

const DOCUMENT = 'docs/key-ceremony.md';
const DATABASE = 'ca_ceremony';
const HALVES = ['one-half-', 'and-another'] as const;

/** Each block of the page, run as it stands there, with SoftHSM2. */
describe(DOCUMENT, function () {
  this.timeout(120_000);
  const { text, sections } = sectionsOf(DOCUMENT);
  const before_ = process.env['SOFTHSM2_CONF'];
  let directory: string;
  let postgres: Postgres;
  let shell: Shell;
  let url: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-hsm-'));
    await chmod(directory, 0o711);
    const at = (...parts: string[]) => join(directory, ...parts);
    for (const part of ['etc/secrets', 'run', 'tokens']) await mkdir(at(part), { recursive: true });
    await writeFile(at('softhsm2.conf'), `directories.tokendir = ${at('tokens')}\n`);
    process.env['SOFTHSM2_CONF'] = at('softhsm2.conf');
    postgres = await startPostgres();
    shell = await openShell(directory, {
      'node ca/main.ts': `'${process.execPath}' '${join(house, 'ca/main.ts')}'`,
      '/etc/touchstone': at('etc'),
      '/run/touchstone-ceremony': at('run/ceremony'),
      '/run/touchstone-ca-issuance/issuance.sock': at('run/issuance.sock'),
    });
    await writeSystemctl(at);
    url = await writeConfigurations(at);
  });
  after(async () => {
    for (const unit of ['touchstone-ca', 'touchstone-ca-issuance']) {
      await shell?.type(`systemctl stop ${unit}`).catch(() => undefined);
    }
    await postgres?.stop();
    if (before_ === undefined) delete process.env['SOFTHSM2_CONF'];
    else process.env['SOFTHSM2_CONF'] = before_;
    await rm(directory, { recursive: true, force: true });
  });

  /** What systemd does with these two units, for this directory. */
  async function writeSystemctl(at: (...parts: string[]) => string): Promise<void> {
    const script = `#!/bin/sh
set -eu
case $2 in touchstone-ca) what=serve ;; *) what=issuance ;; esac
pid=${at('run')}/$2.pid log=${at('run')}/$2.log
case $1 in
  start)
    '${process.execPath}' '${join(house, 'ca/main.ts')}' $what --config '${at('etc/ca.json')}' >"$log" 2>&1 </dev/null &
    echo $! >"$pid"
    until grep -q '"ready":true' "$log"; do kill -0 "$(cat "$pid")" || { cat "$log"; exit 1; }; sleep 0.1; done ;;
  stop)
    [ -f "$pid" ] || exit 0
    kill "$(cat "$pid")" 2>/dev/null || :
    while kill -0 "$(cat "$pid")" 2>/dev/null; do sleep 0.1; done
    rm "$pid" ;;
esac
`;
    await writeFile(at('bin/systemctl'), script, { mode: 0o755 });
  }

  /** The two of the page, around a configuration that is usual. */
  async function writeConfigurations(at: (...parts: string[]) => string): Promise<string> {
    const [daily = '', ceremony = ''] = [...text.matchAll(/^```json\n([^]*?)^```$/gmu)].map(
      ([, block = '']) =>
        block
          .replaceAll('/etc/touchstone', at('etc'))
          .replaceAll('/run/touchstone-ceremony', at('run/ceremony')),
    );
    const secret = randomBytes(24).toString('base64');
    await writeFile(at('etc/secrets/ca-key-passphrase'), secret, { mode: 0o600 });
    const logins = await postgres.createDatabase(DATABASE, ['ca_migrate', 'ca']);
    const { exitCode, stderr } = await shell.type(
      'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ca -days 2 ' +
        '-keyout etc/tls.key -out etc/tls.cert',
    );
    assert.equal(exitCode, 0, stderr);
    const port = await freePort();
    const config = {
      listen: { host: '127.0.0.1', port },
      tls: { keyFile: 'tls.key', certFile: 'tls.cert' },
      publicUrl: 'https://ca.example:8444',
      ...{ database: addressOf(logins.ca), migrateDatabase: addressOf(logins.ca_migrate) },
      stateDir: at('state'),
      issuance: { kind: 'socket', path: at('run/issuance.sock') },
      roots: [],
    };
    const write = (name: string, custody: string) =>
      writeFile(at('etc', name), JSON.stringify({ ...config, custody: JSON.parse(custody) }));
    await write('ca.json', daily);
    await write('ca-ceremony.json', ceremony);
    return `https://127.0.0.1:${port}`;
  }

  const run = async (lines: string, input = '') => {
    const { exitCode, stdout, stderr } = await shell.type(lines, { input });
    assert.equal(exitCode, 0, `${lines}\n${stdout}${stderr}`);
    return stdout;
  };
  const blocksOf = (heading: string) => {
    const blocks = sections.get(heading) ?? [];
    assert.ok(blocks.length > 0, heading);
    return blocks;
  };
  const enterPin = async () => {
    const [one = '', other = ''] = blocksOf('The PIN, by two people');
    await run(one, `${HALVES[0]}\n`);
    await run(other, `${HALVES[1]}\n`);
    assert.equal(await readFile(join(directory, 'run/ceremony/pin'), 'utf8'), HALVES.join(''));
  };
  const status = async () => {
    const { ca } = JSON.parse(await readFile(join(directory, 'credentials.json'), 'utf8')) as {
      ca: { pin: string; token: string };
    };
    const client = pinnedClient({ url, pin: ca.pin });
    const to = { method: 'GET', path: '/v1/operator/status', schema: CaOwnStatus } as const;
    return client.request({ ...to, bearer: ca.token }).finally(() => client.close());
  };
  const phase = async () => (await status()).rotation?.phase;

  it('makes a CA whose root key is in the token, by two people', async () => {
    await enterPin();
    const [token = '', make = '', start = '', operators = ''] = blocksOf(
      'The first ceremony: the CA is made',
    );
    await run(token);
    await run(make);
    assert.ok(!existsSync(join(directory, 'run/ceremony')));
    assert.ok(!existsSync(join(directory, 'state/keys/root')) || (await filesOf('root')) === '');
    await run(start);
    const first = JSON.parse(await run(operators)) as { token: string; second: { token: string } };
    assert.match(first.second.token, /^tsc_/u);
    const pin = spkiPinOf(await readFile(join(directory, 'etc/tls.cert'), 'utf8'));
    const profile = {
      ...{ server: 'https://127.0.0.1:9', fingerprint: '00'.repeat(32), token: 'tst_nobody' },
      ca: { url, pin, token: first.token },
    };
    const file = join(directory, 'credentials.json');
    await writeFile(file, JSON.stringify(profile), { mode: 0o600 });
    assert.deepEqual(
      (await status()).authorities.map(({ role, state }) => `${role} ${state}`).toSorted(),
      ['issuing active', 'root active'],
    );
  });

  const filesOf = (role: string) => run(`ls state/keys/${role} 2>/dev/null || :`);

  it('changes the root key, with the token and not without: ROOT_KEY_LOCKED', async () => {
    const [begin = '', ceremony = ''] = blocksOf('The second ceremony: a key is changed');
    await run(begin);
    assert.equal(await phase(), 'plan');
    await run('touchstone ca rotate advance');
    const { exitCode, stderr } = await shell.type('touchstone ca rotate advance');
    assert.notEqual(exitCode, 0);
    assert.match(stderr, /ROOT_KEY_LOCKED/u);
    assert.equal(await phase(), 'stage');

    await enterPin();
    // The first of its two steps was just taken.
    await run(ceremony.replace('touchstone ca rotate advance\n', ''));
    assert.equal(await phase(), 'distribute');
    assert.equal(await filesOf('root'), '');
  });

  it('destroys the old root key in the token', async () => {
    // There are no hosts here to wait for.
    for (let steps = 0; steps < 8 && (await phase()) !== 'destroy'; steps += 1) {
      await run('touchstone ca rotate advance --force');
    }
    assert.equal(await phase(), 'destroy');
    assert.equal(await rootsInToken(), 2);
    await enterPin();
    const [last = ''] = blocksOf('The last step');
    await run(last);
    assert.equal(await rootsInToken(), 1);
    assert.equal((await status()).rotation, null);
    const live = (await status()).authorities.filter(({ state }) => state === 'active');
    assert.deepEqual(live.map(({ role }) => role).toSorted(), ['issuing', 'root']);
  });

  /** Private keys that the token has: as SoftHSM2 stores them, one file an object. */
  async function rootsInToken(): Promise<number> {
    const files = await run('find tokens -name "*.object" ! -name "token.object" | wc -l');
    return Number(files) / 2;
  }
});

function addressOf({ host, port, database, user, passwordFile }: PostgresLogin) {
  return { host, port, database, user, passwordFile };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
