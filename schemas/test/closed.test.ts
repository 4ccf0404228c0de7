import assert from 'node:assert/strict';
import * as wire from '../index.ts';

/** Every object in a schema, with where it is. */
function* objectsOf(schema: unknown, path: string): Generator<[string, Record<string, unknown>]> {
  if (typeof schema !== 'object' || schema === null) return;
  if ('type' in schema && schema.type === 'object') yield [path, { ...schema }];
  for (const [key, value] of Object.entries(schema)) yield* objectsOf(value, `${path}/${key}`);
}

describe('The messages of the wire', () => {
  const objects = Object.entries(wire)
    .filter(([, value]) => typeof value === 'object')
    .flatMap(([name, schema]) => [...objectsOf(schema, name)]);

  it('are objects that refuse unknown properties, at every depth', () => {
    assert.ok(objects.length > 100);
    const open = objects.filter(([, { additionalProperties }]) => additionalProperties !== false);
    assert.deepEqual(
      open.map(([path]) => path),
      [],
    );
  });

  it('are maps that refuse keys of another form', () => {
    const evidence = {
      schema: 'touchstone/evidence/1',
      statement: 'AA',
      quote: { attest: 'AA', signature: 'AA' },
      pcrs: {},
      blobs: {},
    };
    const refused: readonly (readonly [object, string])[] = [
      [{ blobs: { other: 5 } }, '/blobs'],
      [{ blobs: { [`${'a'.repeat(64)}a`]: 'AA' } }, '/blobs'],
      [{ pcrs: { sha256: { 24: {} } } }, '/pcrs/sha256'],
      [{ pcrs: { sha256: { '01': 'a'.repeat(64) } } }, '/pcrs/sha256'],
    ];
    wire.checkAgainst(wire.Evidence, evidence);
    for (const [change, field] of refused) {
      assert.throws(() => wire.checkAgainst(wire.Evidence, { ...evidence, ...change }), {
        code: 'SCHEMA_MISMATCH',
        field,
      });
    }
    for (const labels of [{ Site: 'x' }, { 'a b': {} }, { site: {} }]) {
      assert.throws(() => wire.checkAgainst(wire.Labels, labels), { code: 'SCHEMA_MISMATCH' });
    }
    wire.checkAgainst(wire.Labels, { site: 'x', 'rack/row': 'y' });
  });
});
