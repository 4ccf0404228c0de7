import {
  CaProgress,
  type CaProgressAnswer,
  type CaProgressReport,
  checkAgainst,
  parseStrictJson,
  type SigningJwk,
} from '@touchstone/schemas';
import { compactVerify, errors, importJWK } from 'jose';
import type pg from 'pg';
import { caError } from '../ca-error.ts';
import {
  inTransaction,
  isReporter,
  readEpoch,
  readReporter,
  recordProgress,
} from '../store/index.ts';

const REPORT_TYPE = 'touchstone-ca-progress+jwt';
const APART_MS = 600_000;

/**
 * The verifier's word on how far the hosts are, and the only thing that it decides is whether a rotation goes on. It is
 * taken if
 *
 * - the key that this CA was told of signed it, as a report, or the one that such a report named as its next;
 * - it is of now, by ten minutes, and newer than the last.
 *
 * @throws AppError PROGRESS_FOREIGN, PROGRESS_OLDER; SchemaError and JsonError for what the right key signed
 */
export async function takeProgress(
  pool: pg.Pool,
  { report }: CaProgressReport,
): Promise<CaProgressAnswer> {
  const { key, next } = await readReporter(pool);
  for (const by of [key, next]) {
    const payload = by && (await signedBy(by, report));
    if (!payload) continue;
    const progress = checkAgainst(CaProgress, parseStrictJson(payload));
    return inTransaction(pool, async (client) => {
      const { now, epoch } = await readEpoch(client);
      const apartMs = Math.abs(Date.parse(progress.at) - now.getTime());
      if (!(await isReporter(client, by))) throw caError('PROGRESS_FOREIGN', 403);
      if (!(apartMs <= APART_MS) || !(await recordProgress(client, progress, by))) {
        throw caError('PROGRESS_OLDER', 409, { detail: progress.at });
      }
      return { epoch };
    });
  }
  const detail = key === null ? 'the CA knows of no verifier' : undefined;
  throw caError('PROGRESS_FOREIGN', 403, detail === undefined ? {} : { detail });
}

async function signedBy(jwk: SigningJwk, report: string): Promise<Uint8Array | undefined> {
  const key = await importJWK(jwk, 'ES256');
  try {
    const { payload, protectedHeader } = await compactVerify(report, key, {
      algorithms: ['ES256'],
    });
    return protectedHeader.typ === REPORT_TYPE ? payload : undefined;
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}
