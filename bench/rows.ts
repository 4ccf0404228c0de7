import { agent } from './agent/agent-row.ts';
import { gate } from './agent/gate-row.ts';
import { http } from './http/http-row.ts';
import { ima } from './ima/ima-row.ts';
import type { Row } from './row.ts';
import { steady } from './steady-row.ts';
import { workload } from './workload-row.ts';

/** In the order in which they are measured and shown: DESIGN section 10. */
export const ROWS: readonly Row[] = [workload, steady, ima, http, gate, agent];

/** Rows that belong together, by a name of their own. */
export const GROUPS: Readonly<Record<string, readonly Row[]>> = {
  appraisal: [workload, steady, ima],
};
