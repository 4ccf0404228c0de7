import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { EXIT } from '../exit-code.ts';
import { type AgentSurroundings, socketPathOf } from '../surroundings.ts';

export type InstallHookOptions = {
  readonly state: string;
  readonly check?: true;
  readonly remove?: true;
  readonly reload?: true;
  readonly json?: true;
};

/** libvirt's configuration, wherever libvirt itself was installed to. */
const CONFIGURATION = '/etc/libvirt';

/** Puts libvirt's hook in its place, looks whether it is there, or takes it away. */
export async function installHookCommand(
  surroundings: AgentSurroundings,
  options: InstallHookOptions,
): Promise<number> {
  const { installHook, removeHook, stateOfHook } = await import('../libvirt/install-hook.ts');
  const { stdout, workingDirectory } = surroundings;
  const socketPath = socketPathOf(resolve(workingDirectory, options.state));
  const place = { configuration: CONFIGURATION, socketPath };
  const say = (hook: string, text: string, reloaded = false) =>
    stdout.write(options.json ? `${JSON.stringify({ hook, reloaded })}\n` : `${text}\n`);
  if (options.check) {
    const state = await stateOfHook(place);
    say(state, CHECKED[state]);
    return state === 'installed' ? EXIT.yes : EXIT.no;
  }
  if (options.remove) {
    const there = await removeHook(place);
    say('absent', there ? 'The hook is taken away: VMs start ungated.' : 'There was no hook.');
    return EXIT.yes;
  }
  const before = await installHook(place);
  const what = before === 'installed' ? 'The hook was there already.' : 'The hook is in its place.';
  const reloaded = options.reload === true && reload(surroundings.searchPath);
  say('installed', `${what} ${reloaded ? RELOADED : TO_RELOAD}`, reloaded);
  return options.reload === true && !reloaded ? EXIT.unavailable : EXIT.yes;
}

const CHECKED = {
  installed: 'The hook is in its place.',
  absent: 'There is no hook: VMs start ungated. `touchstone-agent install-hook` puts it there.',
  changed: 'The hook is another than this agent brings: see who changed it, then install it again.',
  exposed:
    'The hook is not executable, or not root’s alone: see who changed it, then install again.',
} as const;

const TO_RELOAD =
  'libvirtd looks for hooks when it starts, and not again: now run `systemctl reload libvirtd` ' +
  '(a SIGHUP does the same), or use --reload. No VM is touched by it.';
const RELOADED = 'libvirtd has looked for it again.';

/** Those of libvirt's daemons that run QEMU, and run here. Whether there was one, and it went well. */
function reload(searchPath: string): boolean {
  const env = { PATH: searchPath };
  const asked = ['libvirtd.service', 'virtqemud.service'].filter(
    (unit) => spawnSync('systemctl', ['is-active', '--quiet', unit], { env }).status === 0,
  );
  const done = asked.filter(
    (unit) => spawnSync('systemctl', ['reload', unit], { env }).status === 0,
  );
  return asked.length > 0 && done.length === asked.length;
}
