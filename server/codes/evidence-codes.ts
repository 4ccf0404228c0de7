import { type CodeEntry, entry } from './entry.ts';

/** Challenges, and where evidence stands among what came before it. */
export const EVIDENCE_CODES = {
  CHALLENGE_MALFORMED: entry(
    422,
    'The challenge was not made by this deployment',
    'DESIGN 4, Attest',
    'Take a new challenge and quote again.',
    'agent',
  ),
  CHALLENGE_KEY_UNKNOWN: entry(
    422,
    'The challenge was made under a key that is not live',
    'DESIGN 4, Attest',
    'Take a new challenge and quote again.',
    'agent',
  ),
  CHALLENGE_WRONG_HOST: entry(
    422,
    'The challenge was made for another AK',
    'DESIGN 4, Attest',
    'Take a challenge for the AK that answers it. If the agent did, somebody relays challenges.',
    'agent',
  ),
  CHALLENGE_INVALID: entry(
    422,
    'The challenge was altered, or made by another deployment',
    'DESIGN 4, Attest',
    'Take a new challenge and quote again.',
    'agent',
  ),
  CHALLENGE_WRONG_PURPOSE: entry(
    422,
    'The challenge was made for another purpose',
    'DESIGN 4, Attest',
    'Take a challenge of the purpose that it answers.',
    'agent',
  ),
  CHALLENGE_EXPIRED: entry(
    422,
    'The challenge is too old',
    'DESIGN 4, Attest',
    'Take a new challenge and quote again.',
    'agent',
  ),
  CHALLENGE_FROM_FUTURE: entry(
    422,
    'The challenge was made later than now',
    'DESIGN 4, Attest',
    "Bring the replicas' clocks together; then take a new challenge.",
  ),

  BUNDLE_EPOCH_UNKNOWN: entry(
    409,
    'The statement names a trust bundle that this deployment has not made',
    'DESIGN 3',
    'The agent belongs to another deployment, or this one was restored from an old backup.',
  ),
  BUNDLE_EPOCH_OLD: entry(
    409,
    'The agent does not take the newest trust bundle',
    'DESIGN 3',
    "Read the agent's log: the bundle may be signed by a key that it does not know.",
    'host-administrator',
  ),
  BUNDLE_EPOCH_FELL: entry(
    409,
    'The agent knows an older trust bundle than it did',
    'DESIGN 3',
    "Find out who put the agent's state directory back.",
    'host-administrator',
  ),

  EVIDENCE_SUPERSEDED: entry(
    409,
    'Newer evidence of this host is known already',
    'DESIGN 4, Attest: single use',
    'Start over with a new challenge and a new quote.',
    'agent',
  ),
  EVIDENCE_REJECTED: entry(
    422,
    'The evidence is not authentic',
    'DESIGN 4, Attest',
    'Read the findings.',
    'host-administrator',
  ),
  POLICY_DIVERGES: entry(
    409,
    'A host was judged by a policy that this deployment has never had',
    'DESIGN 4, Attest',
    'Find the server that answered it: a fallback whose database is older or newer, or this one from an old backup.',
  ),
  EVIDENCE_UNSETTLED: entry(
    500,
    'Authentic evidence came, and its verdict could not be stored',
    'DESIGN 4, Attest; CVE-2022-3500',
    "Read the server's log. The host is untrusted until its next boot, or until an approver has looked at it.",
  ),
  TPM_CLOCK_FELL: entry(
    409,
    "The TPM's clock fell within one boot: its state was put back, or two TPMs share one key",
    'DESIGN 4, Attest: single use; TCG Part 1, 36.2',
    'Find out who copied or restored the TPM. Revoke the host if nobody can say.',
    'host-administrator',
  ),
  TPM_ROLLED_BACK: entry(
    409,
    "The TPM's reset count fell: its state was rolled back, or two TPMs share one key",
    'DESIGN 4, Attest: single use; TCG Part 1, 36.6',
    'Find out who restored the TPM. Revoke the host if nobody can say.',
    'host-administrator',
  ),
  HOST_UNKNOWN: entry(
    404,
    'No such host',
    'DESIGN 4, Enrol',
    'List the hosts; a host that never enrolled has to enrol first.',
    'host-administrator',
  ),
  STATE_UNTRUSTED_UNTIL_REBOOT: entry(
    403,
    'The host was in a bad state in this boot; what it loaded then may still run',
    'DESIGN 3',
    'Reboot the host into an approved state, or have an approver approve it as it is.',
    'host-administrator',
  ),
} as const satisfies Record<string, CodeEntry>;
