import { access } from 'node:fs/promises';
import type { AgentCheck } from '@touchstone/schemas';
import { libvirtAt } from '../libvirt/libvirt.ts';
import { ok } from './check.ts';

const SOCKET = '/run/libvirt/libvirt-sock';

/** Whether libvirt answers, where this host has it. */
export async function checkLibvirt(): Promise<AgentCheck[]> {
  try {
    await access(SOCKET);
  } catch {
    return [];
  }
  const domains = await libvirtAt().domains();
  return [ok('libvirt', `answers, and has ${domains.length} domains`)];
}
