import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createEdge, listenUnix } from '@touchstone/transport';
import { makeLuksDisk } from '../../test/support/luks-disk.ts';
import { WaitingKeys } from '../keys/waiting-keys.ts';
import { keyRoutes } from '../socket/key-routes.ts';
import { QUICK_ALARM } from './support/quick-alarm.ts';

const SCRIPT = fileURLToPath(new URL('../keys/start-with-keys.pl', import.meta.url));
const QEMU = '/usr/bin/qemu-system-x86_64';

describe('a command that is started with the keys of its disks', () => {
  let directory: string;
  let socketPath: string;
  let waiting: WaitingKeys;
  let socket: { close(): Promise<void> };
  const children = new Set<ChildProcess>();

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-keys-'));
    socketPath = join(directory, 'agent.sock');
    waiting = new WaitingKeys();
    const edge = createEdge();
    edge.use(keyRoutes(waiting));
    socket = await listenUnix(edge, { path: socketPath, mode: 0o600 });
  });
  after(async () => {
    for (const child of children) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    await socket.close();
    await rm(directory, { recursive: true, force: true });
  });

  const start = (permitId: string, disks: readonly string[], command: readonly string[]) => {
    const args = ['-T', SCRIPT, socketPath, permitId, disks.join(','), ...command];
    // What an unprivileged caller might be tempted by: taint mode takes no code from it.
    const env = { PATH: '/usr/bin:/bin', PERL5OPT: '-Mnothing', PERL5LIB: directory, KEEP: 'it' };
    const child = spawn('/usr/bin/perl', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    return child;
  };
  const outcome = async (child: ChildProcess) => {
    let [stdout, stderr] = ['', ''];
    child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [exitCode] = (await once(child, 'close')) as [number | null];
    return { exitCode, stdout, stderr };
  };
  const held = (keys: Readonly<Record<string, string>>) => {
    const permitId = randomUUID();
    const entries = Object.entries(keys).map(
      ([disk, key]) => [disk, Buffer.from(key, 'latin1')] as const,
    );
    waiting.hold(permitId, new Map(entries));
    return { permitId, buffers: entries.map(([, key]) => key) };
  };
  const shell = (script: string) => ['/bin/sh', '-c', script, 'sh'];

  it('has each key in a pipe of its own, named to QEMU as -object secret', async () => {
    const keys = { disk0: randomBytes(24).toString('base64'), disk1: 'second key' };
    const { permitId, buffers } = held(keys);
    const script =
      'printf "%s\\n" "$@"; for o; do case $o in *file=*) cat "${o##*file=}"; echo;; esac; done; env';
    const { stdout, exitCode, stderr } = await outcome(
      start(permitId, ['disk0', 'disk1'], shell(script)),
    );
    assert.equal(exitCode, 0, stderr);
    const lines = stdout.split('\n');
    assert.deepEqual(
      lines.slice(0, 4).map((line) => line.replace(/\d+$/u, 'N')),
      ['disk0', 'disk1'].flatMap((disk) => [
        '-object',
        `secret,id=touchstone-${disk},format=raw,file=/dev/fd/N`,
      ]),
    );
    assert.deepEqual(lines.slice(4, 6), [keys.disk0, keys.disk1]);
    assert.ok(lines.includes('KEEP=it'));
    assert.ok(buffers.every((buffer) => buffer.every((byte) => byte === 0)));
  });

  it('leaves none in the bytes of the answer that brought them', async () => {
    const path = join(directory, 'watched.sock');
    const answers: { readonly body: Buffer; readonly closed: Promise<unknown> }[] = [];
    const edge = createEdge();
    edge.use(async (ctx, next) => {
      await next();
      const body = ctx.body as Buffer;
      assert.ok(body.includes(Buffer.from('a key').toString('hex')));
      answers.push({ body, closed: once(ctx.res, 'close') });
    });
    edge.use(keyRoutes(waiting));
    const watched = await listenUnix(edge, { path, mode: 0o600 });
    try {
      const { permitId } = held({ disk0: 'a key' });
      const args = ['-T', SCRIPT, path, permitId, 'disk0', '/bin/true'];
      const child = spawn('/usr/bin/perl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
      assert.equal((await outcome(child)).exitCode, 0);
      const [answer] = answers;
      await answer?.closed;
      assert.ok(answer?.body.every((byte) => byte === 0));
    } finally {
      await watched.close();
    }
  });

  it('is given them once', async () => {
    const { permitId } = held({ disk0: 'a key' });
    const mark = join(directory, 'again');
    assert.equal((await outcome(start(permitId, ['disk0'], ['/bin/true']))).exitCode, 0);
    const again = await outcome(start(permitId, ['disk0'], shell(`touch ${mark}`)));
    assert.notEqual(again.exitCode, 0);
    assert.match(again.stderr, /start the VM again/u);
    assert.ok(!existsSync(mark));
  });

  for (const [what, disks] of [
    ['lacks one', ['disk0', 'disk1']],
    ['has one too many', []],
    ['has another', ['disk1']],
  ] as const) {
    it(`is not started where the answer ${what}`, async () => {
      const { permitId } = held({ disk0: 'a key' });
      const mark = join(directory, `mark-${what.replaceAll(' ', '-')}`);
      const { exitCode } = await outcome(start(permitId, disks, shell(`touch ${mark}`)));
      assert.equal(exitCode, 69);
      assert.ok(!existsSync(mark));
    });
  }

  /** Somebody else in the agent's place: what he does once he is asked. */
  const startBy = async (does: (client: Socket) => unknown, perl: readonly string[] = []) => {
    const path = join(directory, 'other.sock');
    const mark = join(directory, 'mark-other');
    const server = createServer((client) => {
      client.on('error', () => undefined);
      client.once('data', () => does(client));
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const command = shell(`touch ${mark}`);
    const args = ['-T', ...perl, SCRIPT, path, randomUUID(), 'disk0', ...command];
    const child = spawn('/usr/bin/perl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    const ended = await outcome(child);
    await new Promise((resolve) => server.close(resolve));
    const started = existsSync(mark);
    await rm(mark, { force: true });
    return { ...ended, started };
  };
  const ok = (...keys: readonly string[]) =>
    `HTTP/1.1 200 OK\r\n\r\n{"keys":[${keys.map((key) => `{"disk":"disk0","key":"${key}"}`).join(',')}]}`;

  it('is not started by an agent that hangs up, has none, talks without end, or gives a disk two keys', async () => {
    for (const answer of ['', ok(), 'x'.repeat(1_000_000), ok('aa', 'bb')]) {
      const { exitCode, started } = await startBy((client) => client.end(answer));
      assert.deepEqual([exitCode, started], [69, false]);
    }
  });

  it('waits 10 s for an agent that is silent, and is not started', async () => {
    const { exitCode, stderr, started } = await startBy(() => undefined, QUICK_ALARM);
    assert.deepEqual([exitCode, started], [69, false]);
    assert.match(stderr, /^alarm 10\n.+does not hand the keys over/u);
  });

  for (const [what, taken, refused] of [
    [
      'an answer that is longer than is read',
      `${ok('aa')}${' '.repeat(130_000)}`,
      `${ok('aa')}${' '.repeat(131_072)}`,
    ],
    ['a key of more than 1,024 bytes', ok('aa'.repeat(1_024)), ok('aa'.repeat(1_025))],
  ] as const) {
    it(`is not started by ${what}`, async () => {
      const whole = await startBy((client) => client.end(taken));
      assert.deepEqual([whole.exitCode, whole.started], [0, true], whole.stderr);
      const { exitCode, started } = await startBy((client) => client.end(refused));
      assert.deepEqual([exitCode, started], [69, false]);
    });
  }

  describe('QEMU with a disk under LUKS', () => {
    const passphrase = randomBytes(32).toString('base64');
    let image: string;

    before(async () => {
      image = join(directory, 'data.luks');
      await makeLuksDisk(image, Buffer.from(passphrase, 'latin1'));
    });

    const qemu = (qmp: string) => [
      ...[QEMU, '-accel', 'tcg', '-m', '32', '-S', '-display', 'none', '-nodefaults'],
      ...['-no-user-config', '-qmp', `unix:${qmp},server=on,wait=off`, '-blockdev'],
      `driver=luks,node-name=data,key-secret=touchstone-disk0,file.driver=file,file.filename=${image}`,
    ];

    it('opens it, and the key is in no argument, variable, file or open pipe', async () => {
      const { permitId } = held({ disk0: passphrase });
      const qmp = join(directory, 'qmp.sock');
      const child = start(permitId, ['disk0'], qemu(qmp));
      const nodes = await blockNodes(qmp, child);
      const data = nodes.find((node) => node['node-name'] === 'data');
      assert.deepEqual([data?.drv, data?.encrypted], ['luks', true]);

      const encodings = ['utf8', 'hex', 'base64'] as const;
      const needles = encodings.map((encoding) => Buffer.from(passphrase).toString(encoding));
      for (const name of ['cmdline', 'environ']) {
        const bytes = await readFile(`/proc/${child.pid}/${name}`, 'latin1');
        assert.match(bytes, /touchstone-disk0|KEEP=it/u);
        for (const needle of needles) assert.ok(!bytes.includes(needle), name);
      }
      for (const name of await readdir(directory)) {
        const bytes = await readFile(join(directory, name), 'latin1').catch(() => '');
        for (const needle of needles) assert.ok(!bytes.includes(needle), name);
      }
      for (const fd of await readdir(`/proc/${child.pid}/fd`)) {
        const to = await readlink(`/proc/${child.pid}/fd/${fd}`).catch(() => '');
        assert.ok(to !== socketPath, 'the agent’s socket stayed open');
      }
    });

    it('does not start with another key', async () => {
      const { permitId } = held({ disk0: `${passphrase}x` });
      const child = start(permitId, ['disk0'], qemu(join(directory, 'other.qmp')));
      const { exitCode, stderr } = await outcome(child);
      assert.equal(exitCode, 1);
      assert.match(stderr, /Invalid password/u);
    });
  });
});

type BlockNode = {
  readonly 'node-name': string;
  readonly drv: string;
  readonly encrypted: boolean;
};

/** QMP: query-named-block-nodes, by a QEMU that has just been started. */
async function blockNodes(path: string, qemu: ChildProcess): Promise<readonly BlockNode[]> {
  let said = '';
  qemu.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  for (;;) {
    if (qemu.exitCode !== null) throw new Error(`QEMU ended: ${said}`);
    const socket = connect(path);
    if (!(await once(socket, 'connect').catch(() => null))) {
      await sleep(10);
      continue;
    }
    try {
      for (const execute of ['qmp_capabilities', 'query-named-block-nodes']) {
        socket.write(`${JSON.stringify({ execute, id: execute })}\n`);
      }
      for await (const line of createInterface({ input: socket })) {
        const answer = JSON.parse(line) as { id?: string; return?: readonly BlockNode[] };
        if (answer.id === 'query-named-block-nodes') return answer.return ?? [];
      }
      throw new Error(`QMP ended: ${said}`);
    } finally {
      socket.destroy();
    }
  }
}
