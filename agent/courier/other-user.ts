import process from 'node:process';

/**
 * This process goes on as that user (`UID:GID`), in no other group. What it needs was loaded and opened before, since
 * that user may be able to read nothing. A process that changed its user is shown to no debugger: prctl(2),
 * PR_SET_DUMPABLE.
 * @throws Error where it could not, or could go back
 */
export function becomeUser(text: string): void {
  const [, uid, gid] = /^([1-9][0-9]{0,9}):([1-9][0-9]{0,9})$/u.exec(text) ?? [];
  if (uid === undefined || gid === undefined) throw new Error(`no UID:GID: ${text}`);
  process.setgroups?.([]);
  process.setgid?.(Number(gid));
  process.setuid?.(Number(uid));
  if (process.getuid?.() !== Number(uid) || process.geteuid?.() !== Number(uid) || canGoBack()) {
    throw new Error(`the courier did not become ${text}`);
  }
}

function canGoBack(): boolean {
  try {
    process.setuid?.(0);
    return true;
  } catch {
    return false;
  }
}
