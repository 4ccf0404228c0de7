import { createReadStream } from 'node:fs';
import { refuse } from '../codes.ts';
import { UpError } from '../failure.ts';

export type PassphraseOptions = {
  /** `-` is standard input. */
  readonly passphraseFile?: string;
  readonly passphraseFd?: string;
};

const MAX_BYTES = 1_024;
/** Nobody can be made to choose a good one; a short one is a bad one. */
const MIN_LENGTH = 16;

/** For a new backup. @throws UpError PASSPHRASE_MISSING, PASSPHRASE_TOO_SHORT */
export async function newPassphrase(options: PassphraseOptions): Promise<Buffer> {
  const passphrase = await readPassphrase(options);
  if (passphrase.toString('utf8').length < MIN_LENGTH) throw refuse('PASSPHRASE_TOO_SHORT');
  return passphrase;
}

/** The first line, without its end. @throws UpError PASSPHRASE_MISSING, USAGE */
export async function readPassphrase(options: PassphraseOptions): Promise<Buffer> {
  const { passphraseFile: file, passphraseFd: fd } = options;
  if ((file === undefined) === (fd === undefined)) throw refuse('PASSPHRASE_MISSING');
  if (fd !== undefined && !/^[0-9]{1,4}$/u.test(fd)) {
    throw new UpError('USAGE', `--passphrase-fd ${fd}`, 'Give the number of an open file.');
  }
  const number = fd === undefined ? (file === '-' ? 0 : null) : Number(fd);
  const source =
    number === null
      ? createReadStream(file ?? '')
      : createReadStream('', { fd: number, autoClose: false });
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of source) {
      pieces.push(piece as Buffer);
      length += (piece as Buffer).length;
      if (length > MAX_BYTES) break;
    }
  } catch (cause) {
    throw refuse('PASSPHRASE_MISSING', (cause as Error).message, cause);
  }
  const all = Buffer.concat(pieces);
  const end = all.indexOf(0x0a);
  const line = all.subarray(0, end === -1 ? undefined : end);
  const passphrase = line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
  if (passphrase.length === 0 || passphrase.length > MAX_BYTES) throw refuse('PASSPHRASE_MISSING');
  return passphrase;
}
