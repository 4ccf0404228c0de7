import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { ParseError } from '@touchstone/tpm';
import { corpusPath } from '../../test/support/corpus.ts';

export function corpusBytes(path: string): Uint8Array {
  return Uint8Array.from(readFileSync(corpusPath(path)));
}

export function corpusJson<T>(path: string): T {
  return JSON.parse(readFileSync(corpusPath(path), 'utf8')) as T;
}

/** The quotes that have a file of this name. */
export function quotesWith(file: string): string[] {
  return readdirSync(corpusPath('quotes')).filter((name) =>
    readdirSync(corpusPath('quotes', name)).includes(file),
  );
}

/** A real quote of an AWS NitroTPM, with the mutations that the corpus keeps beside it. */
export const QUOTE = 'quotes/aws-nitrotpm-sha256';

export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
export const unhex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

/** `bytes` with those at `offset` replaced. */
export function patched(bytes: Uint8Array, offset: number, replacement: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(replacement, offset);
  return copy;
}

export function throwsCode(action: () => unknown, code: string, field?: string): void {
  assert.throws(action, (error) => {
    assert.ok(error instanceof ParseError, String(error));
    assert.equal(error.code, code, error.message);
    if (field !== undefined) assert.equal(error.field, field);
    return true;
  });
}

/** Every proper prefix is TRUNCATED and one byte more is TRAILING_BYTES. */
export function isReadToItsEnd(parse: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  for (let length = 0; length < bytes.length; length++) {
    throwsCode(() => parse(bytes.subarray(0, length)), 'TRUNCATED');
  }
  throwsCode(() => parse(Buffer.concat([bytes, new Uint8Array(1)])), 'TRAILING_BYTES');
}
