import type { AgentChecks, EvidenceAnswer, GateStanding } from '@touchstone/schemas';
import { AppError, createEdge } from '@touchstone/transport';
import type { Logger } from 'pino';
import type { Attesting } from '../attesting.ts';
import { isTpmError } from '../codes.ts';
import { failure } from '../doctor/check.ts';
import { checkTpm } from '../doctor/check-tpm.ts';
import type { FileReader } from '../images/file-reader.ts';
import type { StartGate } from '../gate/starts.ts';
import type { Attester } from '../tpm/attester.ts';
import type { Conversations } from '../tpm/conversation.ts';
import type { Watch } from '../watch/watch.ts';
import type { WaitingKeys } from '../keys/waiting-keys.ts';
import { keyRoutes } from './key-routes.ts';
import type { LibvirtDoor } from '../libvirt/door.ts';
import { domainRoutes } from './domain-routes.ts';
import { startRoutes } from './start-routes.ts';

/** The agent's unix socket: DESIGN section 4, Start a VM, step 1. Its file mode is its access control. */
export function agentEdge(options: {
  readonly log: Logger;
  readonly attesting: Pick<Attesting, 'status' | 'now'>;
  readonly attester: Attester;
  readonly conversations: Conversations;
  readonly gate: StartGate;
  readonly reader: FileReader;
  readonly watch: Pick<Watch, 'permitted'>;
  readonly standing: () => Promise<GateStanding | undefined>;
  readonly waitingKeys: WaitingKeys;
  readonly libvirtDoor: LibvirtDoor;
}) {
  const app = createEdge({ log: options.log });
  app.use(async (ctx, next) => {
    if (ctx.path !== '/v1/status') return next();
    if (ctx.method !== 'GET') throw new AppError('METHOD_NOT_ALLOWED', 405);
    const gate = await options.standing();
    const { status } = options.attesting;
    ctx.body = gate === undefined ? status : { ...status, gate };
    return undefined;
  });
  app.use(async (ctx, next) => {
    if (ctx.path !== '/v1/attestations') return next();
    if (ctx.method !== 'POST') throw new AppError('METHOD_NOT_ALLOWED', 405);
    ctx.body = (await options.attesting.now().catch(failed)) satisfies EvidenceAnswer;
    return undefined;
  });
  app.use(async (ctx, next) => {
    if (ctx.path !== '/v1/checks/tpm') return next();
    if (ctx.method !== 'GET') throw new AppError('METHOD_NOT_ALLOWED', 405);
    const { attester, conversations } = options;
    const look = () => attester.use(checkTpm);
    const checks = await conversations
      .hold('attest', look)
      .catch((error) => [failure('TPM', error)]);
    ctx.body = { checks } satisfies AgentChecks;
    return undefined;
  });
  app.use(startRoutes(options));
  app.use(keyRoutes(options.waitingKeys));
  app.use(domainRoutes(options.libvirtDoor));
  return app;
}

/** What the TPM says is told whole: whoever may ask here owns the host. */
function failed(error: unknown): never {
  if (!isTpmError(error)) throw error;
  const { code, title, message: detail, remedy } = error;
  throw new AppError(code, 503, { title, detail, remedy, cause: error });
}
