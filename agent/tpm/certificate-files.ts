import { readFile } from 'node:fs/promises';
import {
  certificatesOfFile,
  certificatesOfNvChain,
  parseEkCertificate,
} from '@touchstone/endorsement';
import { ParseError } from '@touchstone/tpm';
import { agentError } from '../codes.ts';

const MAX_FILE_BYTES = 65_536;
const MAX_CERTIFICATES = 16;

/**
 * The certificates of files that somebody brought: PEM, DER one after the other, what an NV index held, or the JSON in
 * which Intel's service answers. Each can be read; whose they are shows at the TPM. @throws AppError EK_CERTIFICATE_FILE
 */
export async function readCertificateFiles(paths: readonly string[]): Promise<Uint8Array[]> {
  const read = await Promise.all(paths.map(readOne));
  const all = read.flat();
  if (all.length <= MAX_CERTIFICATES) return all;
  throw agentError('EK_CERTIFICATE_FILE', {
    ...{ status: 400, detail: `${all.length} certificates, at most ${MAX_CERTIFICATES}` },
  });
}

async function readOne(path: string): Promise<Uint8Array[]> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > MAX_FILE_BYTES) throw new RangeError(`more than ${MAX_FILE_BYTES} bytes`);
    return certificatesIn(bytes).map((one) => parseEkCertificate(one).der);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : '';
    throw agentError('EK_CERTIFICATE_FILE', { status: 400, detail: `${path}: ${why}`, cause });
  }
}

function certificatesIn(bytes: Buffer): readonly Uint8Array[] {
  const answered = intelAnswer(bytes);
  if (answered !== undefined) return [answered];
  const found = certificatesOfFile(bytes);
  if (found.length !== 1 || bytes[0] !== 0x30) return found;
  const chain = certificatesOfNvChain(bytes);
  return chain.length > 1 ? chain : found;
}

/** `{"pubhash": …, "certificate": base64url, its padding escaped}`; undefined for what is no JSON. */
function intelAnswer(bytes: Buffer): Uint8Array | undefined {
  if (bytes[0] !== 0x7b) return undefined;
  try {
    const { certificate } = JSON.parse(bytes.toString('utf8')) as { certificate?: unknown };
    if (typeof certificate === 'string') {
      return Buffer.from(certificate.replaceAll('%3D', '='), 'base64url');
    }
  } catch {
    // What it is not is said below.
  }
  throw new ParseError('BAD_DER', 'Certificate', 0, 'JSON without a certificate');
}
