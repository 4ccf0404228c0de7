/** Bounds on a package from outside, each well above what Debian's largest kernels have. */
export const DEB_LIMITS = {
  /** Of the file. */
  maxBytes: 1024 * 1024 * 1024,
  /** Of each part, decompressed. */
  maxExpandedBytes: 2 * 1024 * 1024 * 1024,
  maxControlBytes: 16 * 1024 * 1024,
  maxFiles: 200_000,
  /** Of one boot image, which is held in memory. */
  maxImageBytes: 512 * 1024 * 1024,
  /** Of `control`, and of a kernel's configuration. */
  maxTextBytes: 1024 * 1024,
  /** Of a file's path. */
  maxPathBytes: 4_096,
  /** Of a part's header: as many parts as may come before the data. */
  maxMembers: 16,
} as const;

export type DebLimits = { readonly [K in keyof typeof DEB_LIMITS]: number };
