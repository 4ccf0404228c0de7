import { ESYS_TR_NONE, ESYS_TR_RH_ENDORSEMENT, NO_SESSIONS, PASSWORD } from './resources.ts';
import type { Resources, TpmObject, TpmSession } from './resources.ts';
import { Output, sized, structure, withOutputs } from './structures.ts';

const TPM_ALG_SHA256 = 0x000b;
/** TPM_SE: Part 2, 6.11. */
const TPM_SE = { hmac: 0x00, policy: 0x01 } as const;
/** TPMT_SYM_DEF: TPM_ALG_AES, 128 bits, TPM_ALG_CFB. */
const AES_128_CFB = Uint8Array.of(0x00, 0x06, 0x00, 0x80, 0x00, 0x43);
const EMPTY = new Uint8Array();

/** TPM2_StartAuthSession: Part 3, 11.1. Never bound; SHA-256; the nonce and the salt are ESYS's. */
export function startSession(
  resources: Resources,
  kind: TpmSession['kind'],
  saltKey: TpmObject | undefined,
): Promise<TpmSession> {
  const command = 'TPM2_StartAuthSession';
  return resources.connection.run(command, async (send) => {
    const cell = Buffer.alloc(4);
    await send(
      'Esys_StartAuthSession',
      saltKey === undefined ? ESYS_TR_NONE : resources.objectTr(command, saltKey),
      ESYS_TR_NONE,
      ...NO_SESSIONS,
      null,
      TPM_SE[kind],
      structure('TPMT_SYM_DEF', AES_128_CFB, command),
      TPM_ALG_SHA256,
      cell,
    );
    return resources.addSession(cell, kind, saltKey !== undefined);
  });
}

/** TPM2_PolicySecret: Part 3, 23.4, with TPM_RH_ENDORSEMENT and its auth, which is empty. */
export function policySecretEndorsement(resources: Resources, session: TpmSession): Promise<void> {
  const command = 'TPM2_PolicySecret';
  return withOutputs([new Output('TPM2B_TIMEOUT'), new Output('TPMT_TK_AUTH')], (timeout, ticket) =>
    resources.connection.run(command, (send) =>
      send(
        'Esys_PolicySecret',
        ESYS_TR_RH_ENDORSEMENT,
        resources.sessionTr(command, session),
        ...PASSWORD,
        structure('TPM2B_NONCE', sized(EMPTY), command),
        structure('TPM2B_DIGEST', sized(EMPTY), command),
        structure('TPM2B_NONCE', sized(EMPTY), command),
        0,
        timeout.cell,
        ticket.cell,
      ),
    ),
  );
}
