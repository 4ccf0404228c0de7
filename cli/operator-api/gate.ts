import {
  Alert,
  type AlertAcknowledgement,
  AlertList,
  type EnforcementRequest,
  ExposureList,
  GateStatus,
  type ObservationRequest,
} from '@touchstone/schemas';
import { type BearerRoutes, wholeList, withQuery } from '../bearer-routes.ts';

/** Whether the start gate enforces, what goes round it, and what somebody must look at. */
export const gateRoutes = ({ at, get, post }: BearerRoutes) => ({
  gate: () => get(at('gate'), GateStatus),
  observe: (body: ObservationRequest) => post(at('gate', 'observation'), body, GateStatus),
  enforce: (body: EnforcementRequest) => post(at('gate', 'enforcement'), body, GateStatus),
  exposures: async (host?: string) => ({
    exposures: await wholeList(
      (cursor) => get(withQuery(at('exposures'), { name: host, ...cursor }), ExposureList),
      ({ exposures }) => exposures,
    ),
  }),

  alerts: (all: boolean) =>
    get(withQuery(at('alerts'), { all: all ? 'true' : undefined }), AlertList),
  acknowledgeAlert: (id: string, body: AlertAcknowledgement) =>
    post(at('alerts', id, 'acknowledgement'), body, Alert),
});
