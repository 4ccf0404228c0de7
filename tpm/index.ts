export * from './constants.ts';
export { type BankName, type HashAlgorithm } from './hash.ts';
export { bankAlgorithm, hash, hashAlgorithm, hashOfBank } from './hash.ts';
export { ParseError } from './parse-error.ts';
export { type Endian, Reader } from './reader.ts';
export { Writer } from './writer.ts';
