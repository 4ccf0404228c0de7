import type * as TypeBox from 'typebox';

/**
 * The parts that the schemas are made of, as typebox makes them and with its types: plain JSON Schema, and a
 * mark that JSON does not show for what may be left out. Typebox itself is hundreds of modules, most of them
 * for types that nobody here has, and each process of ours would load them before it does anything.
 */
export type { Static, TSchema } from 'typebox';

type Maker = typeof TypeBox.Type;
type Options = Readonly<Record<string, unknown>>;
type Properties = Readonly<Record<string, object>>;

const OPTIONAL = '~optional';

const schemaOf = (parts: Options, options?: object): never => ({ ...parts, ...options }) as never;
const plain = (type: string) => (options?: object) => schemaOf({ type }, options);

const object = (properties: Properties, options?: object) => {
  const required = Object.keys(properties).filter(
    (name) => !(OPTIONAL in (properties[name] ?? {})),
  );
  return schemaOf(
    { type: 'object', ...(required.length > 0 ? { required } : {}), properties },
    options,
  );
};

/** Hidden, for JSON Schema has no such keyword. The schema that is given stays as it is. */
const optional = (schema: object) =>
  Object.defineProperty({ ...schema }, OPTIONAL, { value: true, enumerable: false }) as never;

const record = ({ pattern }: { readonly pattern?: string }, value: object, options?: object) => {
  if (pattern === undefined) throw new Error('a record of ours says what its keys look like');
  return schemaOf({ type: 'object', patternProperties: { [pattern]: value } }, options);
};

const makers: Pick<Maker, 'Array' | 'Boolean' | 'Integer' | 'Null' | 'Object' | 'String'> &
  Pick<Maker, 'Literal' | 'Optional' | 'Record' | 'Union' | 'Unknown' | 'Unsafe'> = {
  Array: (items: object, options?: object) => schemaOf({ type: 'array', items }, options),
  Boolean: plain('boolean'),
  Integer: plain('integer'),
  Null: plain('null'),
  Object: object,
  String: plain('string'),
  Literal: (value: unknown, options?: object) =>
    schemaOf({ type: typeof value, const: value }, options),
  Optional: optional,
  Record: record,
  Union: (anyOf: readonly object[], options?: object) => schemaOf({ anyOf }, options),
  Unknown: (options?: object) => schemaOf({}, options),
  Unsafe: (schema: object) => schemaOf({ ...schema }),
};

const { Array, Boolean, Integer, Literal, Null, Optional, Record, String, Union, Unknown, Unsafe } =
  makers;
const { Object: ObjectOf } = makers;
export { ObjectOf as Object };
export { Array, Boolean, Integer, Literal, Null, Optional, Record, String, Union, Unknown, Unsafe };
