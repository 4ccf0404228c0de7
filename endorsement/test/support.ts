import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ParseError } from '@touchstone/tpm';
import { corpusPath } from '../../test/support/corpus.ts';

export function corpusBytes(path: string): Buffer {
  return readFileSync(corpusPath(path));
}

export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** The certificates of a PEM file, or the bytes themselves where there is no PEM. */
export function certificatesOf(file: Buffer): Buffer[] {
  const blocks = file.toString('latin1').matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END/g);
  const found = [...blocks].map(([, base64 = '']) => Buffer.from(base64, 'base64'));
  return found.length > 0 ? found : [file];
}

export function toPem(der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').replace(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

export function throwsCode(action: () => unknown, code: string, field?: string): void {
  assert.throws(action, (error) => {
    assert.ok(error instanceof ParseError, String(error));
    assert.equal(error.code, code, error.message);
    if (field !== undefined) assert.equal(error.field, field, error.message);
    return true;
  });
}

/** Whatever it is given, a parser returns or throws ParseError. */
export function throwsOnlyParseErrors(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof ParseError, String(error));
  }
}
