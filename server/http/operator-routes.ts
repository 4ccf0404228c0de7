import { BASELINE_ROUTES } from './operator/baseline-routes.ts';
import { GATE_ROUTES } from './operator/gate-routes.ts';
import { HOST_ROUTES } from './operator/host-routes.ts';
import { KEY_ROUTES } from './operator/key-routes.ts';
import { RECORD_ROUTES } from './operator/record-routes.ts';
import { SESSION_ROUTES } from './operator/session-routes.ts';
import { TOKEN_ROUTES } from './operator/token-routes.ts';
import { VERDICT_ROUTES } from './operator/verdict-routes.ts';
import { VM_ROUTES } from './operator/vm-routes.ts';
import { WINDOW_ROUTES } from './operator/window-routes.ts';
import type { OperatorRoute } from './operator-route.ts';

/** Every operator call there is, with the role that it needs. */
export const OPERATOR_ROUTES: readonly OperatorRoute[] = [
  ...SESSION_ROUTES,
  ...HOST_ROUTES,
  ...BASELINE_ROUTES,
  ...WINDOW_ROUTES,
  ...VM_ROUTES,
  ...GATE_ROUTES,
  ...TOKEN_ROUTES,
  ...KEY_ROUTES,
  ...RECORD_ROUTES,
  ...VERDICT_ROUTES,
];
