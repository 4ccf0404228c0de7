import type { TpmTools } from './tpm-tools.ts';

export type LentTools = TpmTools & {
  /** As tpm2-tools take it. */
  readonly akAuth: string;
  /** A tool that uses the EK as parent: its `-C` and `-P` are added. */
  underEk(tool: string, ...args: string[]): Promise<void>;
};

/** The TPM's tools with the EK and the AK's auth at hand. */
export function lentTools(tools: TpmTools, auth: Uint8Array): LentTools {
  return {
    ...tools,
    akAuth: `hex:${Buffer.from(auth).toString('hex')}`,
    underEk: async (tool, ...args) => {
      await tools.run('tpm2_startauthsession', '--policy-session', '-S', 'ek.session');
      await tools.run('tpm2_policysecret', '-S', 'ek.session', '-c', 'endorsement');
      await tools.run(tool, '-C', '0x81010001', '-P', 'session:ek.session', ...args);
      await tools.run('tpm2_flushcontext', 'ek.session');
    },
  };
}
