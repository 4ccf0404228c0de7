import { access } from 'node:fs/promises';
import type { AgentCheck } from '@touchstone/schemas';
import { type HookState, stateOfHook } from '../libvirt/install-hook.ts';
import { libvirtAt } from '../libvirt/libvirt.ts';
import { failure, fault, ok, warning } from './check.ts';

const CONFIGURATION = '/etc/libvirt';
const SOCKET = '/run/libvirt/libvirt-sock';
const SUBJECT = 'libvirt';

/** Whether libvirt answers, and asks the gate; nothing where none runs and nobody wants it to. */
export async function checkLibvirt(socketPath: string): Promise<AgentCheck[]> {
  const state = await stateOfHook({ configuration: CONFIGURATION, socketPath });
  const runs = await access(SOCKET).then(
    () => true,
    () => false,
  );
  if (!runs && state === 'absent') return [];
  const answer = await libvirtAt()
    .domains()
    .then((domains) => ok(SUBJECT, `answers, and has ${domains.length} domains`))
    .catch((error: unknown) => failure(SUBJECT, error));
  return [ofHook(state), answer];
}

function ofHook(state: HookState): AgentCheck {
  switch (state) {
    case 'installed':
      return ok(SUBJECT, 'the gate’s hook is in its place');
    case 'absent':
      return warning('HOOK_MISSING', SUBJECT, 'VMs start ungated');
    case 'exposed':
      return fault('HOOK_CHANGED', SUBJECT, 'not executable, or not root’s alone');
    case 'changed':
      return fault('HOOK_CHANGED', SUBJECT, 'it is another file than this agent brings');
  }
}
