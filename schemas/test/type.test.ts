import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { Type as TypeBox } from 'typebox';
import * as Type from '../type.ts';

const HOUSE = new URL('../..', import.meta.url);

/** The same words for either. */
type Maker = Pick<
  typeof TypeBox,
  'Array' | 'Boolean' | 'Integer' | 'Literal' | 'Null' | 'Object' | 'Optional' | 'Record'
> &
  Pick<typeof TypeBox, 'String' | 'Union' | 'Unknown' | 'Unsafe'>;

describe('What schemas are made of', () => {
  const shared = TypeBox.String({ maxLength: 3 });
  const made: { readonly given: string; readonly by: (type: Maker) => object }[] = [
    { given: 'a string', by: (type) => type.String() },
    { given: 'a bounded string', by: (type) => type.String({ pattern: '^a$', maxLength: 1 }) },
    { given: 'a number in range', by: (type) => type.Integer({ minimum: 0, maximum: 7 }) },
    { given: 'a truth value', by: (type) => type.Boolean() },
    { given: 'null', by: (type) => type.Null() },
    { given: 'anything', by: (type) => type.Unknown() },
    { given: 'a literal text', by: (type) => type.Literal('a') },
    { given: 'a literal number', by: (type) => type.Literal(2, { description: 'two' }) },
    { given: 'a literal truth value', by: (type) => type.Literal(true) },
    { given: 'a list', by: (type) => type.Array(type.Null(), { maxItems: 2 }) },
    { given: 'one of several', by: (type) => type.Union([type.Null(), type.String()]) },
    { given: 'one of several, described', by: (type) => type.Union([], { description: 'none' }) },
    { given: 'a schema as it is', by: (type) => type.Unsafe({ type: 'string', enum: ['a'] }) },
    { given: 'an object of nothing', by: (type) => type.Object({}) },
    {
      given: 'an object, some of it optional',
      by: (type) =>
        type.Object(
          { b: type.Optional(type.String()), a: type.Null(), c: type.Unsafe({ const: 1 }) },
          { additionalProperties: false },
        ),
    },
    {
      given: 'an object whose properties are all optional',
      by: (type) => type.Object({ a: type.Optional(type.Union([type.Null()])) }),
    },
    {
      given: 'what is optional in one object and not in the next',
      by: (type) => type.Object({ a: type.Optional(shared), b: shared, c: type.Object({}) }),
    },
    {
      given: 'what was optional, with more beside it, which is not any more',
      by: (type) => type.Object({ a: { ...type.Optional(type.String()), description: 'a' } }),
    },
    {
      given: 'a map by the form of its keys',
      by: (type) =>
        type.Record(type.String({ pattern: '^[a-z]$' }), type.Integer(), { maxProperties: 2 }),
    },
  ];
  for (const { given, by } of made) {
    it(`is as typebox has it: ${given}`, () => {
      const ours = by(Type);
      assert.equal(JSON.stringify(ours), JSON.stringify(by(TypeBox)));
      // ajv reads what is enumerable, and knows no keyword of typebox's.
      assert.deepEqual({ ...ours }, JSON.parse(JSON.stringify(ours)));
    });
  }

  it('makes no map whose keys have no form', () => {
    assert.throws(() => Type.Record(Type.String(), Type.Null()), /keys/u);
  });

  it('is there without typebox: no process loads hundreds of modules for it', () => {
    const script = `
      import { registerHooks } from 'node:module';
      const asked = [];
      registerHooks({ resolve: (name, context, next) => (asked.push(name), next(name, context)) });
      await import('@touchstone/schemas');
      console.log(JSON.stringify(asked));`;
    const said = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: HOUSE,
      encoding: 'utf8',
    });
    const asked = JSON.parse(said) as string[];
    assert.ok(asked.includes('./type.ts'));
    assert.deepEqual(
      asked.filter((name) => name.startsWith('typebox')),
      [],
    );
  });
});
