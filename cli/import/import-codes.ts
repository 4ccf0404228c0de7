type Entry = { readonly title: string; readonly remedy: string };

const AGAIN = 'Fetch the package anew with `apt-get download`, which checks it.';
const BOUND = 'Nothing was read from it; no package of a boot loader or kernel is like that.';

/** Why a file that baselines are to be made from is refused; codes of its PE images are eventlog's. */
export const IMPORT_CODES = {
  DEB_MAGIC: { title: 'The file is no Debian package', remedy: 'Name .deb files, or UEFI images.' },
  DEB_VERSION: { title: 'The package is of a format that is not known here', remedy: AGAIN },
  DEB_MEMBER: { title: 'The package does not consist of what a package does', remedy: AGAIN },
  DEB_MEMBER_HEADER: { title: 'A part of the package has a damaged header', remedy: AGAIN },
  DEB_COMPRESSION: {
    title: 'A part of the package is compressed in a way that is not read here',
    remedy: 'Pack it anew with xz, zstd or gzip.',
  },
  DEB_DAMAGED: { title: 'A part of the package cannot be decompressed', remedy: AGAIN },
  DEB_TOO_LARGE: { title: 'The package is larger than is read here', remedy: BOUND },
  DEB_EXPANDS: { title: 'The package expands to more than is read here', remedy: BOUND },
  DEB_TOO_MANY_FILES: { title: 'The package has more files than is read here', remedy: BOUND },
  DEB_FILE_TOO_LARGE: { title: 'A file of the package is larger than is read', remedy: BOUND },
  DEB_TAR_HEADER: { title: 'The list of files in the package is damaged', remedy: AGAIN },
  DEB_TAR_END: {
    title: 'The list of files in the package has no end, or goes on after it',
    remedy: AGAIN,
  },
  DEB_FILE_TWICE: { title: 'A file is in the package twice', remedy: AGAIN },
  DEB_CONTROL: { title: 'The package does not say what it is', remedy: AGAIN },
  PCRLOCK_JSON: {
    title: 'The file is no JSON, or JSON that two readers might read differently',
    remedy: 'Let systemd-pcrlock write it anew.',
  },
  PCRLOCK_SHAPE: {
    title: 'The file is no .pcrlock file',
    remedy: 'Name the files that `systemd-pcrlock list-components` shows.',
  },
  PCRLOCK_TOO_LARGE: { title: 'The file has more than is read here', remedy: 'Split it.' },
  PCRLOCK_DIGEST_MISSING: {
    title: 'A record has no digest in a bank that was asked for',
    remedy: 'Name with --bank the banks that each record has.',
  },
  PCRLOCK_DIGEST_TWICE: {
    title: 'Two components expect the same measurement',
    remedy: 'Take one of them out, or put both into one file.',
  },
  PCRLOCK_COMPONENT_TWICE: {
    title: 'A component is named twice',
    remedy: 'Name the file that counts: systemd takes /etc before /run, /var/lib and /usr.',
  },
} as const satisfies Record<string, Entry>;
