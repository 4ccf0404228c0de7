import { userInfo } from 'node:os';

/** As login(1) and systemd give it: what a script finds does not depend on who called. */
const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The whole environment of a command that `run` starts: the same for every caller of one user, and what the caller
 * names. Whatever else they have may change what runs (LD_PRELOAD), and no list of such names is ever complete.
 */
export const launchEnvironment = (
  named: Readonly<Record<string, string>>,
): Record<string, string> => ({ PATH: SEARCH_PATH, LANG: 'C.UTF-8', ...ofUser(), ...named });

/** Of systemd's, another at each start, and nothing that a VM's command goes by: systemd.exec(5). */
const OF_ONE_START = new Set([
  'INVOCATION_ID',
  'JOURNAL_STREAM',
  'MEMORY_PRESSURE_WATCH',
  'MEMORY_PRESSURE_WRITE',
  'NOTIFY_SOCKET',
  'SYSTEMD_EXEC_PID',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
]);

/** What a unit's commands all have: whoever asks in one for another has the same. */
export const steadyEnvironment = (
  own: Readonly<Record<string, string | undefined>>,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(own).flatMap(([name, value]) =>
      value === undefined || OF_ONE_START.has(name) ? [] : [[name, value]],
    ),
  );

/** From the user database; a user who is not in it has none. */
function ofUser(): Record<string, string> {
  try {
    const { username, homedir } = userInfo();
    return { HOME: homedir, USER: username, LOGNAME: username };
  } catch {
    return {};
  }
}
