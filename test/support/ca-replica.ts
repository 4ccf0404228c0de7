import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AssuranceClass, EkAlgorithm, EnrollmentRequest } from '@touchstone/schemas';
import { EnrollmentChallenge } from '@touchstone/schemas';
import { type Client, pinnedClient, spkiPinOf } from '@touchstone/transport';
import { startProcess } from './replica-process.ts';
import type { Touchstone } from './touchstone.ts';

/** Far above what tests send. */
const UNLIMITED = { burst: 100_000, perSecond: 100_000 };

/** A second process of the deployment's CA, with its keys and its database. */
export interface CaReplica {
  readonly client: Client;
  readonly url: string;
  /** POST /v1/enrollments. */
  enroll(request: EnrollmentRequest): Promise<EnrollmentChallenge>;
  stop(): Promise<void>;
}

export type TrustedRoot = {
  readonly der: Uint8Array;
  readonly class: AssuranceClass;
  readonly manufacturers?: readonly string[];
  readonly ekAlgorithm?: EkAlgorithm;
  readonly eku?: 'strict' | 'usual' | 'lenient';
};

/** An administrator has named those roots, and nobody waits for a token bucket. */
export async function startCaReplica(
  touchstone: Touchstone,
  trusted: readonly TrustedRoot[] = [],
): Promise<CaReplica> {
  const directory = join(touchstone.directory, 'ca');
  const roots = await Promise.all(
    trusted.map(async ({ der, ...said }, index) => {
      const certificateFile = join(directory, `root-${index}.der`);
      await writeFile(certificateFile, der);
      return { certificateFile, ...said };
    }),
  );
  const limits = { perAddress: UNLIMITED, total: UNLIMITED };
  const changed = { roots, limits };
  const { url, end } = await startProcess(touchstone, 'ca', { changed });
  const pin = spkiPinOf(await readFile(join(directory, 'tls-cert.pem'), 'utf8'));
  const client = pinnedClient({ url, pin });
  return {
    ...{ client, url },
    enroll: (body) =>
      client.request({
        method: 'POST',
        path: '/v1/enrollments',
        schema: EnrollmentChallenge,
        body,
      }),
    stop: async () => {
      await client.close();
      await end('SIGTERM');
      await Promise.all(roots.map(({ certificateFile }) => rm(certificateFile, { force: true })));
    },
  };
}
