import { BUNDLE_KEY_ROUTES } from './bundle-key.ts';
import { ENDORSEMENT_KEY_ROUTES } from './endorsement-keys.ts';
import { OPERATORS_ROUTES } from './operators.ts';
import { REVOCATION_ROUTES } from './revocations.ts';
import type { OperatorRoute } from './operator-route.ts';
import { ROTATION_ROUTES } from './rotations.ts';
import { TPM_ROOT_ROUTES } from './tpm-roots.ts';

/** Every call of the CA's operators, with the role that it takes. */
export const OPERATOR_ROUTES: readonly OperatorRoute[] = [
  ...OPERATORS_ROUTES,
  ...REVOCATION_ROUTES,
  ...ROTATION_ROUTES,
  ...TPM_ROOT_ROUTES,
  ...BUNDLE_KEY_ROUTES,
  ...ENDORSEMENT_KEY_ROUTES,
];
