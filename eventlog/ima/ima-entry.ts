import type { BankName } from '@touchstone/tpm';

/**
 * One measurement of IMA's list: Documentation/security/IMA-templates.rst. Its byte strings are views on
 * the list, or on a copy where the list is text.
 */
export type ImaEntry = {
  /** From 0. */
  readonly index: number;
  /** Of its first byte in the list. */
  readonly offset: number;
  readonly pcr: number;
  /** Template, by name or by its list of fields (`d-ng|n-ng`). */
  readonly template: string;
  /** The list's own column of template digests. All zeros: a violation. */
  readonly templateDigest: Uint8Array;
  readonly violation: boolean;
  /** What template digests are made of, in each algorithm: fields with their lengths, or padded for `ima`. */
  readonly data: Uint8Array;
  /** Of the file or the buffer. */
  readonly digest?: ImaDigest;
  /** Path, or the name of what was measured, as the kernel wrote it: any bytes but NUL. */
  readonly name?: Uint8Array;
  /** security.ima of the file: a signature, or nothing. */
  readonly signature?: Uint8Array;
  /** The measured bytes themselves (ima-buf). */
  readonly buffer?: Uint8Array;
  /** The digest that an appended signature is over, and that signature (ima-modsig). */
  readonly modsigDigest?: ImaDigest;
  readonly modsig?: Uint8Array;
};

export type ImaDigest = {
  /** As the kernel calls it: `sha256`. In the template `ima`, whose digests have no name, `sha1`. */
  readonly algorithm: string;
  /** Of d-ngv2: a digest of the file, or of its fs-verity descriptor. */
  readonly type: 'ima' | 'verity';
  readonly value: Uint8Array;
};

export type ImaListFormat = 'binary' | 'ascii';

/** What a whole list is, told by its first entry and held in all others. */
export type ImaListForm = {
  readonly format: ImaListFormat;
  /** Of the column of template digests: SHA-1, but in the lists by bank of newer kernels. */
  readonly digestBank: BankName;
};
