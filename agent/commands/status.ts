import { resolve } from 'node:path';
import { AgentStatus } from '@touchstone/schemas';
import { AppError, unixClient } from '@touchstone/transport';
import { agentError } from '../codes.ts';
import { standingText } from './standing-text.ts';
import { printable } from '../report.ts';
import { requireOwnDirectory } from '../state/state-directory.ts';
import { type AgentSurroundings, socketPathOf } from '../surroundings.ts';

export async function statusCommand(
  surroundings: AgentSurroundings,
  options: { readonly state: string; readonly json?: true },
): Promise<void> {
  const stateDir = resolve(surroundings.workingDirectory, options.state);
  await requireOwnDirectory(stateDir);
  const path = socketPathOf(stateDir);
  const client = unixClient({ path });
  try {
    const to = { method: 'GET', path: '/v1/status', schema: AgentStatus } as const;
    const status = await client.request(to).catch((cause: unknown) => {
      if (!(cause instanceof AppError) || cause.code !== 'UNREACHABLE') throw cause;
      throw agentError('AGENT_UNAVAILABLE', { detail: path, cause });
    });
    surroundings.stdout.write(options.json ? `${JSON.stringify(status)}\n` : statusText(status));
  } finally {
    await client.close();
  }
}

function statusText(status: AgentStatus): string {
  const lines = [
    `host       ${status.hostId ?? 'not enrolled'}`,
    `class      ${status.class ?? '-'}`,
    `tpm        ${status.tpm.device ?? 'software'}, EK ${status.tpm.ek ?? '-'}, AK ${status.tpm.ak}`,
    `server     ${status.server}`,
    `state      ${status.state ?? 'not known yet'}`,
    `verdict    ${status.verdict ?? '-'}`,
    `attested   ${status.lastAttestedAt ?? 'never'}`,
  ];
  if (status.lastError !== null) {
    lines.push(`last error ${status.lastError.code}: ${status.lastError.detail}`);
  }
  if (status.gate !== undefined) lines.push(...standingText(status.gate));
  return `${lines.map(printable).join('\n')}\n`;
}
