import { readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import { parse } from 'yaml';
import { checkAgainst, closed, EkKind } from '@touchstone/schemas';
import { agentError } from './codes.ts';
import { ProgramSettings } from './programs/settings.ts';
import { WATCH_SETTINGS, WatchConfig, type WatchSettings } from './watch/settings.ts';

const AbsolutePath = Type.String({ pattern: '^/[^\\u0000-\\u001f]*$', maxLength: 1_024 });

/** One thing that a software TPM's log holds. PCRs: DESIGN section 5. */
export const Measurement = Type.Union([
  closed({ pcr: Type.Literal(8), commandLine: AbsolutePath }),
  closed({ pcr: Type.Union([Type.Literal(9), Type.Literal(13)]), file: AbsolutePath }),
  closed({ pcr: Type.Union([Type.Literal(9), Type.Literal(13)]), tree: AbsolutePath }),
]);
export type Measurement = Type.Static<typeof Measurement>;

/** agent.yaml in the state directory. Everything has a default. */
export const AgentConfig = closed({
  /** Which EK to enrol with, where the TPM has certificates of several. */
  ek: Type.Optional(EkKind),
  measure: Type.Optional(Type.Array(Measurement, { minItems: 1, maxItems: 256 })),
  /** IMA's list, where it is not the kernel's own. A software TPM has none unless this names one. */
  imaList: Type.Optional(AbsolutePath),
  /**
   * What a machine with a chip may start when it boots, as paths or globs of them: of these it tells which would do.
   * Empty: it tells nothing.
   */
  bootImages: Type.Optional(Type.Array(AbsolutePath, { maxItems: 64 })),
  /** Programs of this host that may ask for proofs, each at a socket of its own. */
  programs: Type.Optional(Type.Array(ProgramSettings, { maxItems: 32 })),
  /** Where those sockets lie. */
  programsDirectory: Type.Optional(AbsolutePath),
  /** The log of a chip's boot, where it is not the kernel's own file. Quotes bind it, wherever it comes from. */
  firmwareLog: Type.Optional(AbsolutePath),
  /** Where this host shows what runs on it, if it is not where it is usual. */
  watch: Type.Optional(WatchConfig),
});
export type AgentConfig = {
  readonly measure: readonly Measurement[];
  readonly watch: WatchSettings;
  readonly ek?: EkKind;
  readonly imaList?: string;
  readonly firmwareLog?: string;
  readonly bootImages?: readonly string[];
  readonly programs?: readonly ProgramSettings[];
  readonly programsDirectory?: string;
};

/** What is measured unless the configuration says otherwise: the kernel's part, then the agent itself. */
function defaultMeasurements(agentFiles: readonly string[]): Measurement[] {
  return [
    { pcr: 8, commandLine: '/proc/cmdline' },
    { pcr: 9, file: `/boot/vmlinuz-${release()}` },
    { pcr: 9, file: `/boot/initrd.img-${release()}` },
    ...agentFiles.map((tree): Measurement => ({ pcr: 13, tree })),
  ];
}

/**
 * Reads agent.yaml; the file itself is always measured, so that shortening the list shows.
 * @throws AppError STATE_MALFORMED
 */
export async function readConfig(
  stateDir: string,
  agentFiles: readonly string[],
): Promise<AgentConfig> {
  const path = join(stateDir, 'agent.yaml');
  const own: Measurement = { pcr: 13, file: path };
  const defaults = defaultMeasurements(agentFiles);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      return { measure: [...defaults, own], watch: WATCH_SETTINGS };
    }
    throw agentError('STATE_MALFORMED', { detail: path, cause });
  }
  try {
    const given = checkAgainst(AgentConfig, parse(text, { maxAliasCount: 0 }) ?? {});
    const watch = { ...WATCH_SETTINGS, ...given.watch };
    return { ...given, watch, measure: [...defaults, ...(given.measure ?? []), own] };
  } catch (cause) {
    const detail = `${path}: ${cause instanceof Error ? cause.message : ''}`;
    throw agentError('STATE_MALFORMED', { detail, cause });
  }
}
