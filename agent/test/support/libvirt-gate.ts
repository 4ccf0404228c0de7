import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StartAnswer } from '@touchstone/schemas';
import { createEdge, listenUnix } from '@touchstone/transport';
import { pino } from 'pino';
import type { LibvirtHost } from '../../../test/support/libvirt-host.ts';
import type { AskedStart } from '../../gate/asked-start.ts';
import type { Definition } from '../../gate/definition.ts';
import type { Became, TurnedStart } from '../../gate/journal.ts';
import type { Decided } from '../../gate/starts.ts';
import { FileReader } from '../../images/file-reader.ts';
import type { FoundExposure } from '../../watch/exposures.ts';
import { openLibvirtDoor } from '../../libvirt/door.ts';
import { installHook } from '../../libvirt/install-hook.ts';
import { libvirtAt } from '../../libvirt/libvirt.ts';
import { domainRoutes } from '../../socket/domain-routes.ts';

type Decision = (asked: AskedStart, definition: Definition) => Promise<Decided> | Decided;

/** The agent's door for libvirt's hook, of one host of the tests, behind which a test decides. */
export interface LibvirtGate {
  readonly socketPath: string;
  readonly stateDir: string;
  /** Every start that was asked about. */
  readonly asked: AskedStart[];
  /** What became of starts that were permitted, by the door's word. */
  readonly became: (TurnedStart & { readonly what: Became })[];
  /** Every start that was permitted. */
  readonly permits: StartAnswer[];
  /** Before a verb is heard. */
  hear: (verb: string) => Promise<void>;
  /** What the door shows. */
  readonly exposures: readonly FoundExposure[];
  readonly log: string[];
  /** What the disks are called. */
  plan: { disks: { name: string; kind: 'data' | 'sealed' }[] };
  decide: Decision;
  /** Again, with what it has written down. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startLibvirtGate(host: LibvirtHost): Promise<LibvirtGate> {
  const stateDir = await mkdtemp(join(host.directory, 'agent-'));
  await mkdir(stateDir, { recursive: true });
  const socketPath = join(stateDir, 'agent.sock');
  const log: string[] = [];
  const logger = pino({}, { write: (line) => void log.push(line) });
  const listen = async () => {
    const door = await openLibvirtDoor({
      stateDir,
      libvirt: libvirtAt({ uri: `qemu+unix:///system?socket=${host.run}/libvirt-sock` }),
      reader: new FileReader(),
      watch: {
        permitted: async () => {},
        refused: async () => {},
        heard: (verb) => made.hear(verb),
        isUnseen: () => true,
        tell: (_who, exposures) => void (made.exposures = exposures),
      },
      log: logger,
      gate: {
        decide: async (asked) => {
          made.asked.push(asked);
          const plan = { vm: asked.vm, known: true, disks: made.plan.disks };
          const decided = await made.decide(asked, await asked.describe(plan));
          if (decided.answer.decision === 'permitted') made.permits.push(decided.answer);
          return decided;
        },
        became: async (what, start) => void made.became.push({ ...start, what }),
      },
    });
    const edge = createEdge({ log: logger }).use(domainRoutes(door));
    return listenUnix(edge, { path: socketPath, mode: 0o600 });
  };
  let socket = await listen();
  const made: LibvirtGate & { exposures: readonly FoundExposure[] } = {
    ...{
      socketPath,
      stateDir,
      asked: [],
      permits: [],
      became: [],
      exposures: [],
      hear: async () => {},
      log,
      plan: { disks: [] },
      decide: permitted,
    },
    restart: async () => {
      await socket.close();
      socket = await listen();
    },
    close: async () => {
      await socket.close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
  await installHook({ configuration: host.etc, socketPath });
  await host.reloadLibvirtd();
  return made;
}

export const permitted: Decision = ({ vm }, definition) => ({
  answer: {
    decision: 'permitted',
    requestId: randomUUID(),
    permitId: randomUUID(),
    vm,
    definitionDigest: definition.digest,
  },
  definition,
  keys: new Map(),
});

/** With keys, by disk. */
export const permittedWith =
  (keys: ReadonlyMap<string, Buffer>): Decision =>
  async (asked, definition) => ({ ...(await permitted(asked, definition)), keys });

export const REQUEST = '11111111-1111-4111-8111-111111111111';

export const refused: Decision = ({ vm }, definition) => ({
  answer: {
    ...{ decision: 'refused', requestId: REQUEST, vm, code: 'HOST_NOT_TRUSTED' },
    findings: [
      {
        ...{
          code: 'HOST_NOT_TRUSTED',
          effect: 'enforce',
          subject: 'host: it booted another kernel',
        },
        ...{ remedy: 'Boot the approved kernel.', actor: 'host-administrator' },
      },
    ],
  },
  definition,
  keys: new Map(),
});
