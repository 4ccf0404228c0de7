import {
  Decommissioned,
  EndorsementKey,
  EndorsementKeyList,
  NameHex,
  Pin,
  PinRequest,
  Pins,
  Sha256Hex,
  WaitingKeys,
  WithReason,
} from '@touchstone/schemas';
import {
  decommissionEk,
  pinEk,
  readmitEk,
  unpinEk,
  viewKey,
  viewKeys,
  viewPins,
  viewWaiting,
} from '../../endorsement-keys/index.ts';
import { type OperatorRoute, operatorRoute } from './operator-route.ts';

/** The EKs that the CA knows, those that wait, and what its operators say of them. */
export const ENDORSEMENT_KEY_ROUTES: readonly OperatorRoute[] = [
  operatorRoute({
    ...{ method: 'GET', path: '/v1/operator/endorsement-keys', role: 'viewer' },
    query: { cursor: Sha256Hex },
    answer: EndorsementKeyList,
    handle: ({ context, query: { cursor } }) => viewKeys(context, cursor),
  }),
  operatorRoute({
    ...{ method: 'GET', path: '/v1/operator/endorsement-keys/:key', role: 'viewer' },
    key: Sha256Hex,
    answer: EndorsementKey,
    handle: ({ context: { pool, tpmRoots }, key }) => viewKey(pool, tpmRoots, key),
  }),
  operatorRoute({
    ...{ method: 'GET', path: '/v1/operator/endorsement-keys-waiting', role: 'viewer' },
    answer: WaitingKeys,
    handle: ({ context: { pool } }) => viewWaiting(pool),
  }),
  operatorRoute({
    ...{ method: 'GET', path: '/v1/operator/pins', role: 'viewer' },
    answer: Pins,
    handle: ({ context: { pool } }) => viewPins(pool),
  }),
  operatorRoute({
    ...{ method: 'POST', path: '/v1/operator/pins', role: 'operator' },
    body: PinRequest,
    answer: Pin,
    handle: ({ context, by, body }) => pinEk(context, by, body),
  }),
  operatorRoute({
    ...{ method: 'POST', path: '/v1/operator/pins/:key/removal', role: 'operator' },
    ...{ key: NameHex, body: WithReason },
    answer: Pin,
    handle: ({ context, by, key, body }) => unpinEk(context, by, { ekName: key, ...body }),
  }),
  operatorRoute({
    method: 'POST',
    path: '/v1/operator/endorsement-keys/:key/decommissioning',
    role: 'operator',
    ...{ key: Sha256Hex, body: WithReason },
    answer: Decommissioned,
    handle: ({ context, by, key, body }) => decommissionEk(context, by, { ekRef: key, ...body }),
  }),
  operatorRoute({
    method: 'POST',
    path: '/v1/operator/endorsement-keys/:key/readmission',
    role: 'operator',
    ...{ key: Sha256Hex, body: WithReason },
    answer: EndorsementKey,
    handle: ({ context, by, key, body }) => readmitEk(context, by, { ekRef: key, ...body }),
  }),
];
