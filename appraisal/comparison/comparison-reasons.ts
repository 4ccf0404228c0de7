import type { Reason } from '../reason.ts';

const CHANGE_REMEDY =
  'Put it back as it was (the file, the setting, the command line) and restart the host; or, if the change was intended, capture a new baseline from this host and approve it.';

/** What holding events against baselines shows. */
export const COMPARISON_REASONS = {
  EVENT_DIFFERS: {
    title: 'Something measured is not what was approved',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy: CHANGE_REMEDY,
    actor: 'host-administrator',
  },
  EVENT_MISSING: {
    title: 'Something approved was not measured',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy: CHANGE_REMEDY,
    actor: 'host-administrator',
  },
  EVENT_UNEXPLAINED: {
    title: 'Something was measured that no baseline approves',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy:
      'Remove what was added and restart the host; or, if it was intended, capture a new baseline from this host and approve it.',
    actor: 'host-administrator',
  },
  EVENT_REPEATED: {
    title: 'Something approved was measured more often than approved',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy:
      'Restart the host; if it was intended, capture a new baseline from this host and approve it.',
    actor: 'host-administrator',
  },
  EVENT_DENIED: {
    title: 'Something was measured that a baseline refuses',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy:
      'Remove it from the host and restart; where it must run, an approver has to approve a version of the baseline that does not deny it.',
    actor: 'host-administrator',
  },
  EVENT_OUT_OF_ORDER: {
    title: 'What was approved was measured in another order',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy:
      'Restart the host; if the order was changed on purpose, capture a new baseline from this host and approve it.',
    actor: 'host-administrator',
  },
  EVENT_RETIRED: {
    title: 'Something measured is older than what is approved',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy:
      'Restart the host into what is installed; where the newer version is not installed yet, update the host first.',
    actor: 'host-administrator',
  },
  EVENT_RESTART_RESOLVES: {
    title: 'What runs is not approved, and what the host says that it has to start next is',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy:
      'Restart the host into what is approved, which is on its disk. The host alone says so, and until then it is not trusted.',
    actor: 'host-administrator',
  },
  EVENT_OF_ANOTHER_HOST: {
    title: 'What was measured is what makes another host unique',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy:
      'Find out whether a disk or a board was moved or copied between the two hosts; if that was intended, capture a new baseline from this host and approve it.',
    actor: 'host-administrator',
  },
  SETS_MIXED: {
    title: 'What was measured is approved, but not together',
    section: 'RFC 9334, 8.3 (reference values)',
    remedy:
      'Bring the host to one of the sets as a whole and restart it; where the parts may be mixed, approve a version that says independent: true.',
    actor: 'host-administrator',
  },
} as const satisfies Record<string, Reason>;
