import {
  type BaselineApproval,
  type BaselineCapture,
  BaselineList,
  type BaselineRetirement,
  PreviewPart,
  type PreviewRequest,
} from '@touchstone/schemas';
import { type BearerRoutes, wholeList, withQuery } from '../bearer-routes.ts';
import { BASELINE_BOUNDS } from './baseline-bounds.ts';

/** A part takes two seconds, of which others may be before it. */
const PREVIEW_MS = 60_000;

/** What hosts are held against, and what a change of it would do. */
export const baselineRoutes = ({ at, get, post }: BearerRoutes) => {
  const change = (path: string, body: object) => post(path, body, BaselineList, BASELINE_BOUNDS);
  return {
    captureBaseline: (hostId: string, body: BaselineCapture) =>
      change(at('hosts', hostId, 'baseline'), body),
    baselines: async (name?: string) => ({
      baselines: await wholeList(
        (cursor) =>
          get(withQuery(at('baselines'), { name, ...cursor }), BaselineList, BASELINE_BOUNDS),
        ({ baselines }) => baselines,
      ),
    }),
    draftBaselines: (yaml: string) => change(at('baselines'), { yaml }),
    approveBaseline: (name: string, body: BaselineApproval) =>
      change(at('baselines', name, 'approval'), body),
    retireBaseline: (name: string, body: BaselineRetirement) =>
      change(at('baselines', name, 'retirement'), body),

    preview: (body: PreviewRequest) =>
      post(at('previews'), body, PreviewPart, { timeoutMs: PREVIEW_MS }),
  };
};
