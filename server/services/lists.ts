import type {
  AlertList,
  ApiTokenList,
  AuditList,
  BaselineList,
  JoinTokenList,
  VmList,
} from '@touchstone/schemas';
import { listAlerts } from '../store/alerts.ts';
import { listApiTokens } from '../store/api-tokens.ts';
import { listAudit } from '../store/audit.ts';
import { listBaselines } from '../store/baselines.ts';
import { listJoinTokens } from '../store/join-tokens.ts';
import { listVms } from '../store/vms.ts';
import type { Verifier } from './verifier.ts';

/** Lists that show what is stored as it is stored. */
type Stored = Pick<Verifier, 'database'>;

export const listDrafted = async ({ database }: Stored, name?: string): Promise<BaselineList> => ({
  baselines: await listBaselines(database, name),
});

export const listRegistered = async ({ database }: Stored): Promise<VmList> => ({
  vms: await listVms(database),
});

export const listJoining = async ({ database }: Stored): Promise<JoinTokenList> => ({
  tokens: await listJoinTokens(database),
});

export const listTokens = async ({ database }: Stored): Promise<ApiTokenList> => ({
  tokens: await listApiTokens(database),
});

export const listAuditLog = async ({ database }: Stored): Promise<AuditList> => ({
  entries: await listAudit(database),
});

export const listRaised = async ({ database }: Stored): Promise<AlertList> => ({
  alerts: await listAlerts(database),
});
