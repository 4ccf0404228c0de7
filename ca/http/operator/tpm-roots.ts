import {
  Sha256Hex,
  TpmRootAddition,
  TpmRootAdmitted,
  TpmRootExport,
  TpmRootImport,
  TpmRootImported,
  TpmRootList,
  TpmRootRemoval,
} from '@touchstone/schemas';
import {
  addRoot,
  admittedBy,
  exportTpmRoots,
  importCertificates,
  listTpmRoots,
  removeRoot,
} from '../../tpm-roots/index.ts';
import { type OperatorRoute, operatorRoute } from './operator-route.ts';

const IMPORT_MAX_BYTES = 2_097_152;

/** Whom of the makers of TPMs the CA believes, and what that means. */
export const TPM_ROOT_ROUTES: readonly OperatorRoute[] = [
  operatorRoute({
    ...{ method: 'GET', path: '/v1/operator/tpm-roots', role: 'viewer' },
    answer: TpmRootList,
    handle: ({ context: { pool, tpmRoots } }) => listTpmRoots(pool, tpmRoots.configured),
  }),
  operatorRoute({
    ...{ method: 'GET', path: '/v1/operator/tpm-roots-export', role: 'viewer' },
    answer: TpmRootExport,
    handle: ({ context: { pool, tpmRoots } }) => exportTpmRoots(pool, tpmRoots.configured),
  }),
  operatorRoute({
    ...{ method: 'POST', path: '/v1/operator/tpm-roots-import', role: 'operator' },
    ...{ body: TpmRootImport, maxBytes: IMPORT_MAX_BYTES },
    answer: TpmRootImported,
    handle: ({ context, by, body }) => importCertificates(context, by, body),
  }),
  operatorRoute({
    ...{ method: 'POST', path: '/v1/operator/tpm-roots', role: 'operator' },
    body: TpmRootAddition,
    answer: TpmRootList,
    handle: ({ context, by, body }) => addRoot(context, by, body),
  }),
  operatorRoute({
    ...{ method: 'GET', path: '/v1/operator/tpm-roots/:key/admitted', role: 'viewer' },
    key: Sha256Hex,
    answer: TpmRootAdmitted,
    handle: ({ context: { pool, tpmRoots }, key }) => admittedBy(pool, tpmRoots.configured, key),
  }),
  operatorRoute({
    ...{ method: 'POST', path: '/v1/operator/tpm-roots/:key/removal', role: 'operator' },
    ...{ key: Sha256Hex, body: TpmRootRemoval },
    answer: TpmRootAdmitted,
    handle: ({ context, by, key, body: { reason } }) =>
      removeRoot(context, by, { fingerprint: key, reason }),
  }),
];
