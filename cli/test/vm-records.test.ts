import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { useLoggedIn } from './support/logged-in.ts';
import { VM } from './support/records.ts';

const SEALED = { ...VM, disks: [{ name: 'vdb', kind: 'sealed' }] };
const KEYS = { keys: [{ disk: 'vdb', setBy: 'anna/1', setAt: '2026-11-22T11:58:00.000Z' }] };
const AT = `/v1/vms/${VM.uuid}`;

describe('touchstone vm', () => {
  const stage = useLoggedIn();
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-keys-'));
  });
  afterEach(() => rm(directory, { recursive: true }));
  const sent = () => stage.server.asked.at(-1)?.body as Record<string, unknown>;

  it('add says which disks are not golden, the fail mode and what happens on loss of trust', async () => {
    stage.server.answer('POST /v1/vms', VM);
    const argv = ['vm', 'add', VM.uuid, '--name', 'accounts', '--class', 'software'];
    const disks = ['--data-disk', 'vdb', '--sealed-disk', 'vdc,vdd'];
    await stage.operator.run([...argv, ...disks, '--on-loss', 'pause']);
    assert.deepEqual(sent()['disks'], [
      { name: 'vdb', kind: 'data' },
      { name: 'vdc', kind: 'sealed' },
      { name: 'vdd', kind: 'sealed' },
    ]);
    assert.equal(sent()['onLoss'], 'pause');
    await stage.operator.run([...argv, '--fail-mode', 'allow-if-attested-within=2h']);
    assert.deepEqual(sent()['failMode'], { mode: 'allow-if-attested-within', seconds: 7_200 });
    for (const mode of ['allow', 'refuse=1h', 'allow-if-attested-within', 'allow-and-flag=9d']) {
      const { exit } = await stage.operator.run([...argv, '--fail-mode', mode]);
      assert.equal(exit, 64, mode);
    }
  });

  it('change sends the record with what was said, and the rest as it is', async () => {
    const before = { ...SEALED, warnings: 'refuse', images: ['ab'.repeat(32)] };
    stage.server.answer(`GET ${AT}`, before);
    stage.server.answer(`PUT ${AT}`, before);
    const change = async (...argv: string[]) => {
      const { exit } = await stage.operator.run(['vm', 'change', VM.uuid, ...argv]);
      assert.equal(exit, 0);
      return sent();
    };
    assert.deepEqual(await change('--name', 'ledger'), { ...before, name: 'ledger' });
    const { warnings, disks, ...rest } = before;
    void [warnings, disks];
    assert.deepEqual(
      await change('--accept-warnings', '--no-data-or-sealed', '--any-image', '--any-host'),
      { ...rest, images: [], hostLabels: {} },
    );
  });

  it('remove forgets it by its name', async () => {
    stage.server.answer('GET /v1/vms', { vms: [VM] });
    stage.server.answer(`DELETE ${AT}`, VM);
    const { out } = await stage.operator.run(['vm', 'remove', VM.name]);
    assert.match(out, /not registered any more/u);
  });

  it('disk-key generate writes the one copy to a new file, for its owner, and shows it nowhere', async () => {
    stage.server.answer(`POST ${AT}/disk-keys`, KEYS);
    const out = join(directory, 'vdb.key');
    const argv = ['vm', 'disk-key', 'generate', VM.uuid, 'vdb', '--out', out];
    const shown = await stage.operator.run(argv);
    assert.equal(shown.exit, 0);
    const key = await readFile(out, 'utf8');
    assert.equal(Buffer.from(key, 'base64').length, 32);
    assert.ok(!key.endsWith('\n'));
    assert.equal((await stat(out)).mode & 0o777, 0o600);
    assert.deepEqual(sent(), { disk: 'vdb', key: Buffer.from(key).toString('base64url') });
    assert.ok(!`${shown.out}${shown.err}`.includes(key));
    const again = await stage.operator.run(argv);
    assert.notEqual(again.exit, 0);
    assert.equal(await readFile(out, 'utf8'), key);
  });

  it('disk-key set takes the bytes of a file as they are', async () => {
    stage.server.answer(`POST ${AT}/disk-keys`, KEYS);
    const file = join(directory, 'mine');
    await writeFile(file, 'correct horse battery\n');
    const set = ['vm', 'disk-key', 'set', VM.uuid, 'vdb', '--key-file'];
    const { out } = await stage.operator.run([...set, file]);
    assert.equal(sent()['key'], Buffer.from('correct horse battery\n').toString('base64url'));
    assert.match(out, /vdb +2m ago +anna\/1/u);
    await writeFile(file, 'x'.repeat(513));
    const refused = await stage.operator.run([...set, file]);
    assert.match(refused.err, /FILE_TOO_LARGE/u);
  });
});
