/** What a kernel's configuration says of what it does by itself, whoever is root. */
export type KernelTraits = {
  /** It locks itself down where Secure Boot is on. */
  readonly lockdown: boolean;
  /** No other kernel can be started from it. */
  readonly kexecAbsent: boolean;
};

/**
 * From the configuration that a package has beside its kernel. A line counts as it stands; what is not
 * set has a line that says so, and one that is missing says nothing.
 */
export function readKernelConfig(text: string): KernelTraits {
  const lines = new Set(text.split('\n').map((line) => line.trimEnd()));
  const isSet = (name: string) => lines.has(`CONFIG_${name}=y`);
  const isUnset = (name: string) => lines.has(`# CONFIG_${name} is not set`);
  return {
    lockdown: isSet('LOCK_DOWN_IN_EFI_SECURE_BOOT') && isSet('SECURITY_LOCKDOWN_LSM'),
    kexecAbsent: isUnset('KEXEC') && isUnset('KEXEC_FILE'),
  };
}

/** The release of the kernel that a path is of, by Debian's and Fedora's ways to name it. */
export function kernelReleaseOf(path: string): string | undefined {
  const [, inBoot] = /^boot\/(?:vmlinu[xz]|config)-([^/]+)$/u.exec(path) ?? [];
  const [, inModules] =
    /^(?:usr\/)?lib\/modules\/([^/]+)\/(?:vmlinu[xz]|config)$/u.exec(path) ?? [];
  return inBoot ?? inModules;
}

export const isKernelConfig = (path: string): boolean =>
  /(^|\/)config(-[^/]+)?$/u.test(path) && kernelReleaseOf(path) !== undefined;
