import { agent } from './agent/agent-row.ts';
import { http } from './http/http-row.ts';
import type { Row } from './row.ts';
import { steady } from './steady-row.ts';

/** In the order in which they are measured and shown: DESIGN section 10. */
export const ROWS: readonly Row[] = [steady, http, agent];
