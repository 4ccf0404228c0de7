import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IMA_SEGMENT_MAX_BYTES } from '@touchstone/schemas';
import {
  bootAggregate,
  imaBytes,
  imaFile,
  type MadeImaEntry,
} from '../../test/support/made-ima-list.ts';
import { ImaList } from '../measure/ima-list.ts';

const files = (count: number, from = 0): MadeImaEntry[] =>
  Array.from({ length: count }, (_, index) => imaFile(`/usr/bin/program-${from + index}`));

describe("IMA's list, as the agent reads it", () => {
  let directory: string;
  let path: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-ima-'));
    path = join(directory, 'binary_runtime_measurements');
  });
  after(() => rm(directory, { recursive: true }));

  it('is not there: there is nothing to send', async () => {
    const list = new ImaList(join(directory, 'none'));
    assert.equal(await list.begin(), null);
    assert.deepEqual(await list.read(), { entries: new Uint8Array(), more: false });
  });

  it('is sent from its first entry, and then from where the server says', async () => {
    const entries = [bootAggregate(), ...files(9)];
    await writeFile(path, imaBytes(entries));
    const list = new ImaList(path);
    assert.equal(await list.begin(), 0);
    const first = await list.read();
    assert.deepEqual(
      [Buffer.from(first.entries), first.more],
      [Buffer.from(imaBytes(entries)), false],
    );

    list.goTo(10);
    assert.equal(await list.begin(), 10);
    assert.equal((await list.read()).entries.length, 0);
    await appendFile(path, imaBytes(files(2, 9)));
    assert.equal(await list.begin(), 10);
    assert.deepEqual(Buffer.from((await list.read()).entries), Buffer.from(imaBytes(files(2, 9))));
    list.goTo(7);
    assert.equal(await list.begin(), 7);
    const rest = [...entries, ...files(2, 9)].slice(7);
    assert.deepEqual(Buffer.from((await list.read()).entries), Buffer.from(imaBytes(rest)));
  });

  it('has what came between the statement and the reading of it', async () => {
    await writeFile(path, imaBytes([bootAggregate()]));
    const list = new ImaList(path);
    await list.begin();
    await appendFile(path, imaBytes(files(1)));
    const { entries } = await list.read();
    assert.deepEqual(Buffer.from(entries), Buffer.from(imaBytes([bootAggregate(), ...files(1)])));
  });

  it('begins at 0 where it ends before the entry that was asked for: it is another one', async () => {
    await writeFile(path, imaBytes([bootAggregate(), ...files(3)]));
    const list = new ImaList(path);
    list.goTo(40);
    assert.equal(await list.begin(), 0);
  });

  it('leaves out an entry that is still being written', async () => {
    const whole = imaBytes([bootAggregate(), ...files(2)]);
    for (let length = 0; length < whole.length; length += 1) {
      await writeFile(path, whole.subarray(0, length));
      const list = new ImaList(path);
      await list.begin();
      const { entries, more } = await list.read();
      const ends = [0, 1, 2].map(
        (count) => imaBytes([bootAggregate(), ...files(2)].slice(0, count)).length,
      );
      assert.ok(ends.includes(entries.length) && entries.length <= length && !more, `at ${length}`);
    }
  });

  it('goes in parts of whole entries, each no larger than a small body, and all of it arrives', async () => {
    const entries = [bootAggregate(), ...files(5_000)];
    await writeFile(path, imaBytes(entries));
    const { parts, largest } = await readThrough(path);
    assert.ok(parts.length > 2 && largest <= 196_608);
    assert.deepEqual(Buffer.concat(parts), Buffer.from(imaBytes(entries)));
  });

  it('goes in large parts where there is much of it, and whole to enrol', async () => {
    const entries = [bootAggregate(), ...files(40_000)];
    await writeFile(path, imaBytes(entries));
    const { parts, largest } = await readThrough(path);
    assert.ok(largest > 1_048_576 && largest <= IMA_SEGMENT_MAX_BYTES);
    assert.deepEqual(Buffer.concat(parts), Buffer.from(imaBytes(entries)));

    await writeFile(path, imaBytes(entries.slice(0, 5_000)));
    const list = new ImaList(path);
    await list.begin();
    assert.equal((await list.read({ whole: true })).more, false);
  });

  it('is refused where it is no list: IMA_LIST_UNREADABLE', async () => {
    await writeFile(path, Buffer.alloc(64, 0xff));
    const list = new ImaList(path);
    await list.begin();
    await assert.rejects(list.read(), { code: 'IMA_LIST_UNREADABLE' });
  });
});

/** As a server asks for it: each part from behind the one before. */
async function readThrough(path: string): Promise<{ parts: Uint8Array[]; largest: number }> {
  const list = new ImaList(path);
  const parts: Uint8Array[] = [];
  let next = 0;
  for (;;) {
    list.goTo(next);
    assert.equal(await list.begin(), next);
    const { entries, more } = await list.read();
    parts.push(entries);
    next += countEntries(entries);
    if (!more) return { parts, largest: Math.max(...parts.map(({ length }) => length)) };
  }
}

function countEntries(list: Uint8Array): number {
  const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
  let count = 0;
  for (let at = 0; at < list.length; count += 1) at += 38 + view.getUint32(at + 34, true);
  return count;
}
