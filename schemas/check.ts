import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Static, TSchema } from 'typebox';

/** A value that does not have its schema's shape. `field` is a JSON pointer (RFC 6901). */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
  readonly code = 'SCHEMA_MISMATCH';
  readonly field: string;

  constructor(field: string, reason: string) {
    super(`${field === '' ? '/' : field}: ${reason}`);
    this.field = field;
  }
}

// Types may be left out beside `enum`: a union of literals is written so.
const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: false });
const compiled = new WeakMap<TSchema, ValidateFunction>();

/**
 * Gives the value back with its type once it has exactly the schema's shape.
 * @throws SchemaError naming the first place that has not.
 */
export function checkAgainst<T extends TSchema>(schema: T, value: unknown): Static<T> {
  let validate = compiled.get(schema);
  if (validate === undefined) {
    validate = ajv.compile(schema);
    compiled.set(schema, validate);
  }
  if (validate(value) !== true) throw schemaError(validate.errors?.[0]);
  return value as Static<T>;
}

function schemaError(error: ErrorObject | undefined): SchemaError {
  if (error === undefined) return new SchemaError('', 'does not have the shape asked for');
  const extra = error.params['additionalProperty'] as unknown;
  const unknownName = typeof extra === 'string' ? ` (${JSON.stringify(extra).slice(0, 80)})` : '';
  return new SchemaError(error.instancePath, `${error.message ?? error.keyword}${unknownName}`);
}
