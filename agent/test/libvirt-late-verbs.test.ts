import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { domainXml } from '../../test/support/libvirt-domain.ts';
import { FileReader } from '../images/file-reader.ts';
import { type LibvirtDoor, openLibvirtDoor } from '../libvirt/door.ts';
import { libvirtAt } from '../libvirt/libvirt.ts';
import type { FoundExposure } from '../watch/exposures.ts';

/** libvirt’s hook waits for 5 s, and may be gone when what it told has its effect. */
describe('libvirt’s door, where what it does takes longer than the hook waits', () => {
  const vm = randomUUID();
  const name = 'g';
  const secret = randomUUID();
  const domain = domainXml({ name, uuid: vm });
  let directory: string;
  let door: LibvirtDoor;
  let became: string[];
  let exposures: readonly FoundExposure[];
  /** What a libvirt waits for that takes a secret away, and a disk that is written to. */
  let slow: Promise<void>;
  let hear: () => Promise<void>;
  let seen: boolean;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-door-'));
    became = [];
    slow = Promise.resolve();
    hear = async () => {};
    seen = false;
    const libvirt = {
      ...libvirtAt(),
      defineSecret: async () => {},
      setSecret: async () => {},
      unsetSecret: () => slow,
    };
    door = await openLibvirtDoor({
      ...{ stateDir: directory, libvirt, reader: new FileReader(), log: pino({ level: 'silent' }) },
      watch: {
        permitted: async () => {},
        refused: async () => {},
        heard: () => hear(),
        isUnseen: () => !seen,
        tell: (_who, found) => void (exposures = found),
      },
      gate: {
        decide: async (asked) => {
          const described = await asked.describe({ vm, known: true, disks: [] });
          const requestId = randomUUID();
          const { digest: definitionDigest } = described;
          const permit = { requestId, permitId: randomUUID(), vm, definitionDigest };
          return {
            answer: { decision: 'permitted', ...permit },
            definition: { ...described, sealedDisks: [{ disk: 'vda', secret }] },
            keys: new Map([['vda', randomBytes(16)]]),
          };
        },
        became: (what, { requestId }) => {
          became.push(`${what} ${requestId}`);
          return slow;
        },
      },
    });
  });
  // What was taken is written down after the answer.
  afterEach(() => rm(directory, { recursive: true, maxRetries: 20 }));

  const start = async () => {
    const answer = await door.start({ name, domain });
    assert.equal(answer.decision, 'permitted');
    return answer.requestId;
  };
  const tell = (verb: string, told = domain, waits = true) =>
    door.event({ name, verb, extra: '-', domain: told }, () => waits);
  const other = domainXml({ name, uuid: vm, memoryMib: 32 });

  it('what was started and differs is refused before a secret is taken away, or anything is on the disk', async () => {
    const requestId = await start();
    let done = () => {};
    slow = new Promise((resolve) => (done = resolve));
    const told = await tell('started begin', other);
    done();
    assert.equal(told.outcome, 'refused');
    assert.deepEqual(became, [`refused ${requestId}`]);
  });

  it('what was started and differs is refused where that it was heard cannot be written down', async () => {
    const requestId = await start();
    hear = async () => assert.fail('no space left');
    assert.equal((await tell('started begin', other)).outcome, 'refused');
    assert.deepEqual(became, [`refused ${requestId}`]);
  });

  for (const runs of [false, true]) {
    it(`release end without started begin tells ${runs ? 'nothing of a VM that a look saw' : 'that the VM did not run'}`, async () => {
      const requestId = await start();
      seen = runs;
      await tell('release end');
      assert.deepEqual(became, runs ? [] : [`failed ${requestId}`]);
    });
  }

  it('what ran on though it differs is not said to run when it was stopped', async () => {
    await start();
    await tell('started begin', other, false);
    assert.match(exposures[0]?.detail ?? '', /^It ran on: /u);
    for (const verb of ['stopped end', 'release end']) await tell(verb);
    assert.doesNotMatch(exposures[0]?.detail ?? '', /runs/u);
  });

  for (const verb of ['release end', 'started begin']) {
    it(`${verb}, still being heard when the VM starts again, leaves the new start to be looked at`, async () => {
      const first = await start();
      let done = () => {};
      slow = new Promise((resolve) => (done = resolve));
      const late = tell(verb);
      const second = await start();
      done();
      await late;
      const told = [...became];
      assert.equal((await tell('started begin', other)).outcome, 'refused');
      assert.equal(became.at(-1), `refused ${second}`);
      assert.ok(
        told.every((each) => each.endsWith(first)),
        told.join(),
      );
    });
  }
});
