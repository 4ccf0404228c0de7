import type { BankName } from '@touchstone/tpm';

/** One line of a set's `digests`. */
export type ImaFileLine = {
  /** From 1, comments counted. */
  readonly line: number;
  readonly algorithm: ImaFileAlgorithm;
  /** Lower-case hex. */
  readonly digest: string;
  /** As IMA writes it. */
  readonly path: string;
};

export type ImaFileAlgorithm = Exclude<BankName, 'sm3_256'>;

/** A line that is none. */
export class ImaLineError extends Error {
  override readonly name = 'ImaLineError';
  readonly line: number;

  constructor(line: number, reason: string) {
    super(reason);
    this.line = line;
  }
}

/** PATH_MAX, in characters: never fewer than bytes. */
const MAX_PATH = 4_096;
const ALGORITHMS: Readonly<Record<number, ImaFileAlgorithm>> = {
  40: 'sha1',
  64: 'sha256',
  96: 'sha384',
  128: 'sha512',
};
const LINE = /^(\\?)([0-9a-f]{40,128}) {2}(.+)$/u;
// oxlint-disable-next-line no-control-regex -- these are what a path may not hold here
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u;

/**
 * The lines of a set, as sha256sum writes them; those that begin with `#` say nothing. The last may lack its
 * line feed. Throws ImaLineError for the first that is none.
 */
export function* imaFileLines(digests: string): Generator<ImaFileLine> {
  let line = 0;
  for (let start = 0; start < digests.length;) {
    line += 1;
    const feed = digests.indexOf('\n', start);
    const end = feed < 0 ? digests.length : feed;
    if (digests.charAt(start) !== '#') yield fileLine(digests.slice(start, end), line);
    start = end + 1;
  }
}

function fileLine(text: string, line: number): ImaFileLine {
  const [, escaped, digest = '', written = ''] = LINE.exec(text) ?? [];
  const algorithm = ALGORITHMS[digest.length];
  if (algorithm === undefined) {
    throw new ImaLineError(line, 'no digest in lower-case hex, two spaces and a path');
  }
  if (written.length > MAX_PATH || CONTROL.test(written)) {
    throw new ImaLineError(line, 'a path that is too long, or holds control characters');
  }
  const path = escaped === '' ? written : unescaped(written, line);
  return { line, algorithm, digest, path: path.replaceAll(' ', '_') };
}

function unescaped(path: string, line: number): string {
  return path.replaceAll(/\\(.?)/gu, (_, one: string) => {
    const meant = ESCAPES[one];
    if (meant === undefined) throw new ImaLineError(line, `an unknown escape, \\${one}`);
    return meant;
  });
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\', n: '\n', r: '\r' };

/** The counterpart of one line, without a line feed. RangeError for a path that no line can hold. */
export function formatImaFileLine({ digest, path }: Pick<ImaFileLine, 'digest' | 'path'>): string {
  const escaped = path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  if (path.length > MAX_PATH || path === '' || CONTROL.test(escaped)) {
    throw new RangeError('no path for a line');
  }
  return `${escaped === path ? '' : '\\'}${digest}  ${escaped}`;
}
