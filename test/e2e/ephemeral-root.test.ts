import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VmStarts } from '@touchstone/schemas';
import { type GateScene, startGateScene } from '../support/gate-scene.ts';
import { QEMU_WORDS, writingDisk, WROTE } from '../support/boot-sector.ts';

describe('`run --ephemeral-root`', () => {
  let scene: GateScene;
  let dir: string;
  const disk = writingDisk();
  const image = () => join(dir, 'root.img');
  const command = () => [...QEMU_WORDS, '-drive', `file=${image()},format=raw,if=ide`];
  const ephemeral = { words: ['--ephemeral-root', 'disk0'] } as const;

  before(async function () {
    this.timeout(90_000);
    dir = await mkdtemp(join(tmpdir(), 'ts-root-'));
    scene = await startGateScene('ephemeral');
  });
  beforeEach(() => writeFile(image(), disk));
  after(async () => {
    await scene?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it('leaves the image as it was though the guest wrote, and nothing else behind', async () => {
    const vm = await scene.newVm();
    const environment = { TMPDIR: dir };
    const words = [...ephemeral.words, '--env', 'TMPDIR'];
    const { exitCode, stderr } = await scene.host.run(vm, command(), { words, environment });
    assert.equal(exitCode, WROTE, stderr);
    assert.ok(disk.equals(await readFile(image())), 'the image was written to');
    assert.deepEqual(await readdir(dir), ['root.img']);
  });

  it('is what keeps it so: without it the guest writes to the image', async () => {
    const vm = await scene.newVm();
    const { exitCode, stderr } = await scene.host.run(vm, command());
    assert.equal(exitCode, WROTE, stderr);
    assert.ok(!disk.equals(await readFile(image())));
  });

  it('is in the definition that the permit is for', async () => {
    const vm = await scene.newVm();
    const { touchstone, host } = scene;
    await host.run(vm, command(), ephemeral);
    await host.run(vm, command());
    const { starts } = await touchstone.operator('GET', `/v1/vms/${vm}/starts`, VmStarts);
    const [plain, thrownAway] = starts.map(({ definitionDigest }) => definitionDigest);
    assert.ok(plain !== undefined && thrownAway !== undefined && plain !== thrownAway);
  });

  for (const [what, words] of [
    ['a disk that the command does not name', ['-drive', 'file=root.img,format=raw', 'disk1']],
    ['a disk by another option', ['-hda', 'root.img', 'disk0']],
    ['one that says so itself', ['-drive', 'file=root.img,snapshot=off', 'disk0']],
    ['one that is only read', ['-drive', 'file=root.img,readonly=on', 'disk0']],
  ] as const) {
    it(`refuses ${what}: EPHEMERAL_ROOT_REFUSED`, async () => {
      const [option, value, name] = words;
      const vm = await scene.newVm();
      const { exitCode, codes } = await scene.host.run(vm, [...QEMU_WORDS, option, value], {
        words: ['--ephemeral-root', name],
        workingDirectory: dir,
      });
      assert.equal(exitCode, 1);
      assert.deepEqual(codes, ['EPHEMERAL_ROOT_REFUSED']);
    });
  }
});
