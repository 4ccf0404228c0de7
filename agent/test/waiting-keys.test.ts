import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StartAnswer } from '@touchstone/schemas';
import {
  type Client,
  createEdge,
  type Listening,
  listenUnix,
  unixClient,
} from '@touchstone/transport';
import type { Became, TurnedStart } from '../gate/journal.ts';
import { FileReader } from '../images/file-reader.ts';
import { WaitingKeys } from '../keys/waiting-keys.ts';
import { startRoutes } from '../socket/start-routes.ts';

describe('keys that wait for the VM’s process', () => {
  let now: number;
  let waiting: WaitingKeys;
  let later: { readonly work: () => void; readonly afterMs: number }[];

  beforeEach(() => {
    [now, later] = [1_000, []];
    waiting = new WaitingKeys(
      () => now,
      (work, afterMs) => void later.push({ work, afterMs }),
    );
  });

  afterEach(() => waiting.close());

  const held = () => {
    const [permitId, key] = [randomUUID(), randomBytes(32)];
    waiting.hold(permitId, new Map([['vda', key]]));
    return { permitId, key };
  };
  const isOverwritten = ({ key }: Pick<ReturnType<typeof held>, 'key'>) =>
    key.every((byte) => byte === 0);
  const isGone = ({ permitId, key }: ReturnType<typeof held>) => {
    assert.throws(() => waiting.take(permitId), { code: 'KEYS_NOT_HELD' });
    assert.ok(isOverwritten({ key }), 'and overwritten');
  };

  it('are handed out within 15 s, once', () => {
    const { permitId, key } = held();
    now += 15;
    assert.equal(waiting.take(permitId).get('vda'), key);
    assert.throws(() => waiting.take(permitId), { code: 'KEYS_NOT_HELD' });
  });

  it('are gone after it, and where the clock went back', () => {
    const late = held();
    now += 15.1;
    isGone(late);
    const early = held();
    now -= 1;
    isGone(early);
  });

  it('are overwritten when their time is over, though nobody asks for any, and others wait on', () => {
    const [first, begun] = [held(), now];
    now += 10;
    const second = held();
    const [timer = assert.fail()] = later;
    now = begun + timer.afterMs / 1_000;
    timer.work();
    assert.deepEqual([first, second].map(isOverwritten), [true, false]);
  });

  it('are gone when the agent ends, and the keys of two starts at one id at once', () => {
    const first = held();
    const second = new Map([['vda', randomBytes(32)]]);
    assert.throws(() => waiting.hold(first.permitId, second), { code: 'KEYS_NOT_HELD' });
    assert.ok(second.get('vda')?.every((byte) => byte === 0));
    waiting.close();
    isGone(first);
  });

  it('are no more than those of 512 starts', () => {
    for (let starts = 0; starts < 512; starts += 1) held();
    assert.throws(held, { code: 'KEYS_NOT_HELD' });
    now += 15.1;
    held();
  });

  describe('at the agent’s socket', () => {
    const [vm, permitId] = [randomUUID(), randomUUID()];
    let directory: string;
    let socket: Listening | undefined;
    let client: Client | undefined;
    let key: ReturnType<typeof held>['key'];
    let refused: TurnedStart[];
    let permitted: () => Promise<void>;

    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'ts-waiting-'));
      const path = join(directory, 'agent.sock');
      [key, refused, permitted] = [randomBytes(32), [], async () => {}];
      const definitionDigest = 'ab'.repeat(32);
      const answer = { decision: 'permitted' as const, permitId, vm, definitionDigest };
      const gate = {
        decide: async () => ({
          answer: { ...answer, requestId: randomUUID() },
          definition: null,
          keys: new Map([['disk0', key]]),
        }),
        became: async (_what: Became, start: TurnedStart) => void refused.push(start),
        decidedAlone: () => [],
        told: async () => {},
      };
      const watch = { permitted: () => permitted() };
      const edge = createEdge();
      edge.use(startRoutes({ gate, reader: new FileReader(), watch, waitingKeys: waiting }));
      socket = await listenUnix(edge, { path, mode: 0o600 });
      client = unixClient({ path });
    });

    afterEach(async () => {
      await client?.close();
      await socket?.close();
      await rm(directory, { recursive: true });
    });

    const ask = async (door: 'run' | 'systemd'): Promise<StartAnswer> =>
      (client ?? assert.fail()).request({
        ...{ method: 'POST', path: '/v1/starts', schema: StartAnswer },
        body: {
          ...{ vm, door, operation: 'start', workingDirectory: '/', command: ['/bin/true'] },
          environment: {},
        },
      });

    it('wait for `run`', async () => {
      const given = await ask('run');
      assert.deepEqual(given.decision === 'permitted' && given.sealed, ['disk0']);
      assert.equal(waiting.take(permitId).get('disk0'), key);
      assert.deepEqual(refused, []);
    });

    for (const [what, door, code] of [
      ['systemd asks, to whose command no pipe leads', 'systemd', 'SEALED_DISKS_DOOR'],
      ['the start cannot be written down', 'run', 'START_FAILED'],
    ] as const) {
      it(`are overwritten where ${what}, and the refusal is told: ${code}`, async () => {
        if (door === 'run') permitted = () => Promise.reject(new Error('ENOSPC'));
        const answer = await ask(door);
        assert.equal(answer.decision === 'refused' && answer.code, code);
        assert.deepEqual(refused, [answer]);
        isGone({ permitId, key });
      });
    }
  });
});
