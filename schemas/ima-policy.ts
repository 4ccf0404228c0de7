import { Type } from 'typebox';
import { FindingEffect } from './finding.ts';
import { closed, LineOfText, oneOf, PemCertificate, Sha256Hex } from './scalars.ts';

/** The hooks of the kernel that IMA's own policy can ask to measure: Documentation/ABI/testing/ima_policy. */
export const ImaHook = oneOf(
  'BPRM_CHECK',
  'MMAP_CHECK',
  'CREDS_CHECK',
  'FILE_CHECK',
  'MODULE_CHECK',
  'FIRMWARE_CHECK',
  'KEXEC_KERNEL_CHECK',
  'KEXEC_INITRAMFS_CHECK',
  'KEXEC_CMDLINE',
  'KEY_CHECK',
  'POLICY_CHECK',
  'CRITICAL_DATA',
);
export type ImaHook = Type.Static<typeof ImaHook>;

/** So much text, all sets of a policy together: some 250,000 files. */
export const IMA_DIGESTS_MAX_LENGTH = 33_554_432;

/**
 * Known files, those of one package together where it is known. `digests` has a line for each file, as
 * sha256sum prints them and `sha256sum --check` reads them: digest in lower-case hex, two spaces, path. The
 * digest's length tells SHA-1, SHA-256, SHA-384 or SHA-512. A path has as many lines as it has good contents,
 * in as many algorithms as hosts measure with. A line that begins with a backslash has its path's backslashes,
 * line feeds and carriage returns written \\, \n and \r. Names that IMA gives to what is no file
 * (`kexec-cmdline`) stand for themselves. IMA writes an underscore for each space of a path.
 */
export const ImaFileSet = closed({
  /** The package they are of, and its version: for the people who review, and told in findings. */
  from: Type.Optional(LineOfText(256)),
  version: Type.Optional(LineOfText(128)),
  /** These contents are good wherever they lie; the paths say where the package puts them. */
  anyPath: Type.Optional(Type.Literal(true)),
  digests: Type.String({ minLength: 1, maxLength: IMA_DIGESTS_MAX_LENGTH }),
});
export type ImaFileSet = Type.Static<typeof ImaFileSet>;

/** Keys whose signature of a file is as good as its digest. `name` is the kernel's keyring: `.ima`. */
export const ImaKeyring = closed({
  name: Type.String({ pattern: '^[._A-Za-z0-9-]{1,64}$', maxLength: 64 }),
  certificates: Type.Optional(Type.Array(PemCertificate, { minItems: 1, maxItems: 32 })),
  /** SHA-256 of other certificates (DER) that a host may load into it. */
  allow: Type.Optional(Type.Array(Sha256Hex, { minItems: 1, maxItems: 1_024 })),
  /**
   * What the kernel measured as loaded into this keyring (ima-buf, KEY_CHECK) signs files as well:
   * `allowed`, where it is one of `certificates` or `allow`; `any`, whatever it is, because the kernel
   * itself takes only what its own keys have signed.
   */
  learn: Type.Optional(oneOf('allowed', 'any')),
});
export type ImaKeyring = Type.Static<typeof ImaKeyring>;

/**
 * A path for any number of paths: `*` is any text without a slash, `**` any text, `?` one character that
 * is no slash; all else is itself.
 */
export const ImaGlob = Type.String({
  pattern: '^[^\\u0000-\\u001f\\u007f]{1,256}$',
  maxLength: 256,
});

/** What IMA may have measured on a host: the `ima` section of a baseline of part `runtime`. */
export const ImaPolicy = closed({
  /** What a file does whose path is named here, and whose content is another. */
  mode: FindingEffect,
  /** What a file does whose path is not named; as `mode` unless stated: a list that is not whole says so here. */
  unlisted: Type.Optional(FindingEffect),
  /** What a violation does (read while open for writing, or written while measured); as `mode` unless stated. */
  violations: Type.Optional(FindingEffect),
  /** What a boot_aggregate does that cannot be held against quoted PCRs; one that differs always enforces. */
  bootAggregate: Type.Optional(FindingEffect),
  files: Type.Optional(Type.Array(ImaFileSet, { minItems: 1, maxItems: 10_000 })),
  /** Paths that are not judged. A violation's path is proved by nothing, so that `violations` alone is about it. */
  exclude: Type.Optional(Type.Array(ImaGlob, { minItems: 1, maxItems: 64, uniqueItems: true })),
  keyrings: Type.Optional(Type.Array(ImaKeyring, { minItems: 1, maxItems: 16 })),
  /**
   * Hooks that the policy of these hosts' kernels measures, as the owner vouches. KEXEC_KERNEL_CHECK holds kexec off only
   * where a file that no policy names enforces, and no path is excluded: a kernel may lie anywhere.
   */
  measures: Type.Optional(Type.Array(ImaHook, { minItems: 1, maxItems: 12, uniqueItems: true })),
});
export type ImaPolicy = Type.Static<typeof ImaPolicy>;
