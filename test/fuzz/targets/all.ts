import type { Target } from '../target.ts';
import { CERTIFICATE_TARGETS } from './certificates.ts';
import { DOMAIN_TARGETS } from './domains.ts';
import { IMAGE_TARGETS } from './images.ts';
import { IMA_TARGETS } from './ima.ts';
import { LOG_TARGETS } from './logs.ts';
import { MEANING_TARGETS } from './meaning.ts';
import { TEXT_TARGETS } from './text.ts';
import { TPM_TARGETS } from './tpm.ts';

/** Every parser that bytes from outside reach. */
export const TARGETS: readonly Target[] = [
  ...TPM_TARGETS,
  ...LOG_TARGETS,
  ...IMA_TARGETS,
  ...MEANING_TARGETS,
  ...CERTIFICATE_TARGETS,
  ...IMAGE_TARGETS,
  ...TEXT_TARGETS,
  ...DOMAIN_TARGETS,
];
