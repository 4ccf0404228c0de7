import { resolve } from 'node:path';
import type { Attested } from '../attest.ts';
import { EXIT } from '../exit-code.ts';
import { reportFindings } from '../report.ts';
import { type AgentSurroundings, socketPathOf } from '../surroundings.ts';
import { withState } from '../with-state.ts';

/** One attestation: by the agent that runs, else by this process. */
export async function attestCommand(
  surroundings: AgentSurroundings,
  options: { readonly state: string; readonly json?: true },
): Promise<number> {
  const { attestByDaemon, attestHere } = await import('../attest.ts');
  const path = socketPathOf(resolve(surroundings.workingDirectory, options.state));
  const attested =
    (await attestByDaemon(path)) ?? (await withState(surroundings, options.state, attestHere));
  const { stdout } = surroundings;
  stdout.write(options.json ? `${JSON.stringify(attested)}\n` : attestedText(attested));
  return attested.state === 'trusted' ? EXIT.yes : EXIT.no;
}

function attestedText({ hostId, state, verdict, findings }: Attested): string {
  const lines = [`host     ${hostId}`, `state    ${state}`, `verdict  ${verdict}`];
  if (findings.length > 0) lines.push(`findings ${findings.length}`, reportFindings(findings));
  return `${lines.join('\n')}\n`;
}
