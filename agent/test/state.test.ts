import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from '../config.ts';
import { diagnose } from '../doctor/diagnose.ts';
import { type KeyRecord, readEnrolment, readKeyRecord, writeKeyRecord } from '../state/identity.ts';
import { lockState } from '../state/lock.ts';
import {
  ensureStateDirectory,
  requireOwnDirectory,
  requireStateDirectory,
} from '../state/state-directory.ts';

const RECORD: KeyRecord = {
  schema: 'touchstone/agent-key/1',
  ekName: `000b${'11'.repeat(32)}`,
  akName: `000b${'22'.repeat(32)}`,
  public: 'AAAA',
  private: 'AAAA',
  auth: 'AAAA',
};

const NO_MACHINE = { devices: '/none', tpmClass: '/none', acpiTables: '/none' };

describe('the state directory', () => {
  let dir: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-state-'));
  });

  afterEach(() => rm(dir, { recursive: true }));

  const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

  it('is made for its owner alone', async () => {
    const path = join(dir, 'a', 'state');
    await ensureStateDirectory(path);
    assert.equal(await mode(path), '700');
  });

  for (const bits of [0o755, 0o770, 0o701]) {
    it(`is not taken with mode ${bits.toString(8)}: STATE_EXPOSED`, async () => {
      await chmod(dir, bits);
      await assert.rejects(ensureStateDirectory(dir), { code: 'STATE_EXPOSED' });
    });
  }

  it('tells who may not look in, and not that nothing is there: STATE_UNREADABLE', async () => {
    const [key, patient] = [
      join(dir, 'attestation-key.json'),
      { stateDir: dir, socketPath: join(dir, 'agent.sock'), searchPath: '', machine: NO_MACHINE },
    ];
    await writeFile(key, '{}', { mode: 0o600 });
    await chmod(dir, 0);
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534);
    try {
      const refused = { code: 'STATE_UNREADABLE', status: 403 };
      await assert.rejects(ensureStateDirectory(join(dir, 'sub')), refused);
      await assert.rejects(requireStateDirectory(join(dir, 'sub')), refused);
      await assert.rejects(requireOwnDirectory(dir), refused);
      await assert.rejects(requireOwnDirectory(join(dir, 'sub')), refused);
      await assert.rejects(readKeyRecord(dir), refused);
      const checks = await diagnose(patient);
      assert.deepEqual([checks.length, checks[0]?.code], [1, 'STATE_UNREADABLE']);
    } finally {
      if (isRoot) process.seteuid?.(0);
      await chmod(dir, 0o700);
    }
  });

  it('is not made where it only has to be there: NOT_ENROLLED', async () => {
    const missing = join(dir, 'mistyped');
    await assert.rejects(requireStateDirectory(missing), { code: 'NOT_ENROLLED' });
    assert.ok(!existsSync(missing));
  });

  it('is not taken from another owner: STATE_EXPOSED', async () => {
    const { geteuid } = process;
    process.geteuid = () => (geteuid?.() ?? 0) + 1;
    try {
      await assert.rejects(ensureStateDirectory(dir), { code: 'STATE_EXPOSED' });
    } finally {
      Object.assign(process, { geteuid });
    }
  });

  it('is believed where only its owner, who asks, or root could have put it', async () => {
    await requireOwnDirectory(dir);
    await requireOwnDirectory('/usr');
    await requireOwnDirectory(join(dir, 'none'));
    await chmod(dir, 0o720);
    await assert.rejects(requireOwnDirectory(dir), { code: 'STATE_EXPOSED' });
    await chmod(dir, 0o700);
    if (process.geteuid?.() !== 0) return;
    await chown(dir, 65_534, 65_534);
    await assert.rejects(requireOwnDirectory(dir), { code: 'STATE_EXPOSED' });
    // An agent with a user of its own: systemd makes /var/lib/touchstone-agent for it.
    const below = await mkdtemp('/var/lib/ts-state-');
    try {
      await chown(below, 65_534, 65_534);
      await requireOwnDirectory(below);
    } finally {
      await rm(below, { recursive: true });
    }
  });

  it('keeps a record whole, and readable by its owner alone', async () => {
    await writeKeyRecord(dir, RECORD);
    assert.deepEqual(await readKeyRecord(dir), RECORD);
    assert.deepEqual(await readdir(dir), ['attestation-key.json']);
    assert.equal(await mode(join(dir, 'attestation-key.json')), '600');
  });

  it('keeps the old record where writing the new one ended early', async () => {
    await writeKeyRecord(dir, RECORD);
    await writeFile(join(dir, 'attestation-key.json.next'), '{"schema":"touch');
    assert.deepEqual(await readKeyRecord(dir), RECORD);
    await writeKeyRecord(dir, { ...RECORD, auth: 'BBBB' });
    assert.equal((await readKeyRecord(dir))?.auth, 'BBBB');
  });

  it('has no record where there is no file', async () => {
    assert.equal(await readKeyRecord(dir), null);
    assert.equal(await readEnrolment(dir), null);
  });

  for (const [given, text] of [
    ['nothing', ''],
    ['half of a record', JSON.stringify(RECORD).slice(0, 80)],
    ['an unknown property', JSON.stringify({ ...RECORD, more: 1 })],
    ['a duplicate property', JSON.stringify(RECORD).replace('{', '{"auth":"CCCC",')],
    ['another schema', JSON.stringify({ ...RECORD, schema: 'touchstone/agent-key/2' })],
  ] as const) {
    it(`names a file that holds ${given}: STATE_MALFORMED`, async () => {
      const path = join(dir, 'attestation-key.json');
      await writeFile(path, text);
      await assert.rejects(readKeyRecord(dir), { code: 'STATE_MALFORMED', detail: path });
    });
  }

  it('names a file that cannot be read: STATE_MALFORMED', async () => {
    const path = join(dir, 'attestation-key.json');
    await mkdir(path);
    await assert.rejects(readKeyRecord(dir), { code: 'STATE_MALFORMED', detail: path });
  });
});

describe('the lock of the state directory', () => {
  let dir: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-lock-'));
  });

  afterEach(() => rm(dir, { recursive: true }));

  it('keeps a second one out until it is released: STATE_LOCKED', async () => {
    const lock = await lockState(dir);
    await assert.rejects(lockState(dir), { code: 'STATE_LOCKED', detail: join(dir, 'lock') });
    await lock.release();
    await (await lockState(dir)).release();
  });

  it('ends with its process, even by SIGKILL, whatever that had started', async () => {
    const module = new URL('../state/lock.ts', import.meta.url).href;
    const script =
      `const { lockState } = await import(${JSON.stringify(module)});` +
      `globalThis.lock = await lockState(${JSON.stringify(dir)});` +
      `const child = (await import('node:child_process')).spawn('sleep', ['60'], { stdio: 'ignore' });` +
      `console.log(child.pid); setInterval(() => {}, 1_000);`;
    const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(holder.stdout, 'data')) as [Buffer];
    try {
      await assert.rejects(lockState(dir), { code: 'STATE_LOCKED' });
      const ended = once(holder, 'exit');
      holder.kill('SIGKILL');
      await ended;
      await (await lockState(dir)).release();
    } finally {
      process.kill(Number(line.toString()));
    }
  });

  it('is not had where it cannot be made', async () => {
    await assert.rejects(lockState(join(dir, 'none')), { code: 'ENOENT' });
  });

  it('leaves no process behind', async () => {
    const lock = await lockState(dir);
    await sleep(0);
    assert.ok(!process.getActiveResourcesInfo().includes('ProcessWrap'));
    await lock.release();
  });
});

describe('agent.yaml', () => {
  let dir: string;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-config-'));
  });

  after(() => rm(dir, { recursive: true }));

  const configOf = async (text: string) => {
    await writeFile(join(dir, 'agent.yaml'), text);
    return readConfig(dir, ['/opt/touchstone/agent']);
  };

  it('adds to what is measured anyway, and is measured itself', async () => {
    const without = await configOf('');
    const { measure } = await configOf('measure:\n  - { pcr: 13, file: /etc/hostname }\n');
    const own = { pcr: 13, file: join(dir, 'agent.yaml') } as const;
    assert.deepEqual(without.measure.at(-1), own);
    assert.deepEqual(measure.slice(-2), [{ pcr: 13, file: '/etc/hostname' }, own]);
    assert.deepEqual(measure.slice(0, -2), without.measure.slice(0, -1));
    assert.ok(measure.some((entry) => 'tree' in entry && entry.tree === '/opt/touchstone/agent'));
  });

  for (const [given, text] of [
    ['an unknown key', 'measured: []\n'],
    ['a PCR that is the firmware’s', 'measure:\n  - { pcr: 4, file: /etc/hostname }\n'],
    ['a relative path', 'measure:\n  - { pcr: 13, file: etc/hostname }\n'],
    ['aliases', 'measure: [&a { pcr: 13, file: /x }, *a]\n'],
    ['duplicate keys', 'measure: []\nmeasure: []\n'],
    ['a list where a map belongs', '- 1\n'],
    ['no YAML', 'measure: [\n'],
  ] as const) {
    it(`is refused with ${given}: STATE_MALFORMED`, async () => {
      await assert.rejects(configOf(text), { code: 'STATE_MALFORMED' });
    });
  }
});
