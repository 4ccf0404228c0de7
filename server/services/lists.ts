import { Type } from 'typebox';
import {
  type ApiTokenList,
  type AuditList,
  BASELINE_YAML_MAX_BYTES,
  type BaselineList,
  BaselinePart,
  type JoinTokenList,
  Slug,
  Uuid,
  type VmList,
} from '@touchstone/schemas';
import { type ApiTokenPosition, listApiTokens } from '../store/api-tokens.ts';
import { listAudit } from '../store/audit.ts';
import { type BaselinePosition, listBaselines } from '../store/baselines.ts';
import { type JoinTokenPosition, listJoinTokens } from '../store/join-tokens.ts';
import { listVms } from '../store/vms.ts';
import { EpochMs, keyOfColumns, type Page, pageOf } from './paging.ts';
import type { PageAfter } from '../store/page.ts';
import type { Verifier } from './verifier.ts';

/** Lists that show what is stored as it is stored. */
type Stored = Pick<Verifier, 'database'>;

export async function listDrafted(
  { database }: Stored,
  page: Page,
  name?: string,
): Promise<BaselineList> {
  const { rows: baselines, next } = await pageOf(page, {
    key: keyOfColumns(Slug, BaselinePart, Type.Integer({ minimum: 1, maximum: 0x7fffffff })),
    load: (after: PageAfter<BaselinePosition>) => listBaselines(database, name, after),
    keyOf: ({ baseline }): BaselinePosition => [baseline.name, baseline.part, baseline.version],
    fitting: (rows) => {
      let bytes = 0;
      const first = rows.findIndex(
        ({ yaml }) => (bytes += Buffer.byteLength(yaml, 'utf8')) > BASELINE_YAML_MAX_BYTES,
      );
      return first === -1 ? rows.length : Math.max(first, 1);
    },
  });
  return { baselines, ...next };
}

export async function listRegistered({ database }: Stored, page: Page): Promise<VmList> {
  const { rows: vms, next } = await pageOf(page, {
    key: Slug,
    load: (after: PageAfter<string>) => listVms(database, after),
    keyOf: ({ name }) => name,
  });
  return { vms, ...next };
}

const CreatedKey = keyOfColumns(EpochMs, Uuid);

export async function listJoining({ database }: Stored, page: Page): Promise<JoinTokenList> {
  const { rows: tokens, next } = await pageOf(page, {
    key: CreatedKey,
    load: (after: PageAfter<JoinTokenPosition>) => listJoinTokens(database, after),
    keyOf: ({ createdAt, id }): JoinTokenPosition => [Date.parse(createdAt), id],
  });
  return { tokens, ...next };
}

export async function listTokens({ database }: Stored, page: Page): Promise<ApiTokenList> {
  const { rows: tokens, next } = await pageOf(page, {
    key: CreatedKey,
    load: (after: PageAfter<ApiTokenPosition>) => listApiTokens(database, after),
    keyOf: ({ createdAt, id }): ApiTokenPosition => [Date.parse(createdAt), id],
  });
  return { tokens, ...next };
}

/** Oldest first, the latest page first: what people read ends with what happened last. */
export async function listAuditLog({ database }: Stored, page: Page): Promise<AuditList> {
  const { rows, next } = await pageOf(page, {
    key: Type.Integer({ minimum: 1 }),
    load: (after: PageAfter<number>) => listAudit(database, after),
    keyOf: ({ sequence }) => sequence,
  });
  return { entries: rows.toReversed(), ...next };
}
