import { CUSTODY_CODES } from './codes/custody-codes.ts';
import { ENDORSEMENT_CODES } from './codes/endorsement-codes.ts';
import { ENROLMENT_CODES } from './codes/enrolment-codes.ts';
import { OPERATOR_CODES } from './codes/operator-codes.ts';
import { PROCESS_CODES } from './codes/process-codes.ts';
import { ROTATION_CODES } from './codes/rotation-codes.ts';

/** Every code of this room. Those of keys, certificates and bytes are in endorsement's table and tpm's. */
export const CA_CODES = {
  ...ENDORSEMENT_CODES,
  ...ENROLMENT_CODES,
  ...ROTATION_CODES,
  ...OPERATOR_CODES,
  ...CUSTODY_CODES,
  ...PROCESS_CODES,
} as const;

export type CaCode = keyof typeof CA_CODES;
