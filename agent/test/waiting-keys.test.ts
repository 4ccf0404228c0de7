import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { WaitingKeys } from '../keys/waiting-keys.ts';

describe('keys that wait for the VM’s process', () => {
  let now: number;
  let waiting: WaitingKeys;

  beforeEach(() => {
    now = 1_000;
    waiting = new WaitingKeys(() => now);
  });

  afterEach(() => waiting.close());

  const held = () => {
    const [permitId, key] = [randomUUID(), randomBytes(32)];
    waiting.hold(permitId, new Map([['vda', key]]));
    return { permitId, key };
  };
  const isGone = ({ permitId, key }: ReturnType<typeof held>) => {
    assert.throws(() => waiting.take(permitId), { code: 'KEYS_NOT_HELD' });
    assert.ok(
      key.every((byte) => byte === 0),
      'and overwritten',
    );
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
});
