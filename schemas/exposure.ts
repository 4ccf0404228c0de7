import { Type } from 'typebox';
import { nextCursor } from './paging.ts';
import { closed, Code, LineOfText, oneOf, Slug, Timestamp, Uuid } from './scalars.ts';

/**
 * GET /v1/exposures at the server: VMs that run, or could be started, where no proof stands behind it. `from` host: as
 * the host told in signed statements; server: by what the server has itself. `since` is the server's clock.
 */
export const Exposure = closed({
  hostId: Uuid,
  hostName: Slug,
  from: oneOf('host', 'server'),
  code: Code,
  subject: LineOfText(256),
  detail: LineOfText(512),
  vm: Type.Union([Uuid, Type.Null()]),
  vmName: Type.Union([Slug, Type.Null()]),
  since: Timestamp,
  lastSeenAt: Timestamp,
});
export type Exposure = Type.Static<typeof Exposure>;

export const ExposureList = closed({
  exposures: Type.Array(Exposure, { maxItems: 1_000 }),
  nextCursor,
});
export type ExposureList = Type.Static<typeof ExposureList>;
