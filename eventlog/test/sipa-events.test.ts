import assert from 'node:assert/strict';
import { parseSipaEvents } from '../index.ts';
import { little } from './made-efi.ts';

const AGGREGATION = 0x40010002;
const LEAF = 0x00090001;
const event = (id: number, data: Uint8Array): Uint8Array =>
  little().u32(id).u32(data.length).bytes(data).finish();
const nested = (depth: number): Uint8Array =>
  depth === 0 ? event(LEAF, new Uint8Array(3)) : event(AGGREGATION, nested(depth - 1));

describe("Windows' events", () => {
  it('are listed in order, aggregations before what they hold', () => {
    const leaf = event(LEAF, new Uint8Array(3));
    const bytes = Buffer.concat([event(AGGREGATION, Buffer.concat([leaf, leaf])), leaf]);
    assert.deepEqual(
      parseSipaEvents(bytes).map(({ name }) => name),
      ['ELAM aggregation', 'ELAM key name', 'ELAM key name', 'ELAM key name'],
    );
  });

  it('may be of ids that are not known here, and of aggregations that hold nothing', () => {
    const bytes = Buffer.concat([
      event(0x00050099, new Uint8Array()),
      event(AGGREGATION, new Uint8Array(2)),
    ]);
    assert.deepEqual(parseSipaEvents(bytes)[0], { id: 0x00050099 });
    assert.equal(parseSipaEvents(bytes).length, 2);
  });

  it('are refused truncated at any offset: TRUNCATED', () => {
    const bytes = nested(3);
    for (let end = 1; end < bytes.length; end++) {
      assert.throws(() => parseSipaEvents(bytes.subarray(0, end)), { code: 'TRUNCATED' });
    }
  });

  it('are refused where one reaches over the one that it is in: TRUNCATED', () => {
    const inner = little().u32(LEAF).u32(100).bytes(new Uint8Array(4)).finish();
    const bytes = Buffer.concat([event(AGGREGATION, inner), new Uint8Array(200)]);
    assert.throws(() => parseSipaEvents(bytes), { code: 'TRUNCATED' });
  });

  it('are nested seven deep, and no more: SIPA_DEPTH', () => {
    assert.equal(parseSipaEvents(nested(7)).length, 8);
    assert.throws(() => parseSipaEvents(nested(8)), { code: 'SIPA_DEPTH' });
    assert.throws(() => parseSipaEvents(nested(1_500)), { code: 'SIPA_DEPTH' });
  });

  it('are 4,096 at most: SIPA_EVENTS', () => {
    const one = event(LEAF, new Uint8Array());
    assert.equal(parseSipaEvents(Buffer.alloc(4_096 * one.length, one)).length, 4_096);
    const bytes = Buffer.alloc(1_000_000 * one.length, one);
    assert.throws(() => parseSipaEvents(bytes), { code: 'SIPA_EVENTS' });
  });
});
