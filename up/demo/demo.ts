import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Deployment, startDeployment } from '../deployment.ts';
import { UpError } from '../failure.ts';
import { loginText } from '../first-tokens.ts';
import { freePort } from '../free-port.ts';
import { BIN, type Outcome, runBin } from './bins.ts';
import { Hypervisor } from './hypervisor.ts';
import { putOpenGate } from './sabotage.ts';
import { type Story, tellStory } from './story.ts';
import { VirtualMachine } from './virtual-machine.ts';

export type DemoOptions = { readonly keep?: true; readonly sabotage?: 'allow-all' };

const HOST = '127.0.0.1';
/** Short, so that what is shown is fresh. */
const INTERVAL_SECONDS = 5;
const NAME = 'demo-host';

/** Everything that the demonstration made, so that it can all be taken away again. */
type Stage = {
  readonly story: Story;
  readonly directory: string;
  readonly deployment: Deployment;
  readonly hypervisor: Hypervisor;
  readonly vm: VirtualMachine;
  readonly sabotage: 'allow-all' | undefined;
  /** Once it is aborted, nothing more begins. */
  readonly stop: AbortSignal;
  openGate: Server | null;
};

/** 0 only if the VM ran while its host was as approved, and did not run after the host had changed. */
export async function runDemo(options: DemoOptions, stop: AbortSignal): Promise<number> {
  const story = tellStory(process.stdout, process.stdout.isTTY && !process.env['NO_COLOR']);
  const directory = await mkdtemp(join(tmpdir(), 'touchstone-demo-'));
  // PostgreSQL's own user passes through; it can list nothing.
  await chmod(directory, 0o711);
  const cleanups: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })];
  let kept = false;
  const interrupted = new Promise<never>((_, reject) => {
    const fail = (): void => reject(new UpError('INTERRUPTED', 'interrupted', 'Run it again.'));
    if (stop.aborted) fail();
    else stop.addEventListener('abort', fail, { once: true });
  });
  interrupted.catch(() => undefined);
  const staging = setStage(story, directory, { options, stop, cleanups });
  let performing: Promise<boolean> | undefined;
  try {
    const stage = await Promise.race([staging, interrupted]);
    performing = perform(stage);
    const good = await Promise.race([performing, interrupted]);
    if (options.keep === true) {
      kept = true;
      sayHowToGoOn(stage);
      await Promise.race([stage.deployment.failed, interrupted]).catch(() => undefined);
    }
    return good ? 0 : 1;
  } finally {
    if (!kept) story.say('taking everything away again');
    // What has begun ends first: nothing is made behind the back of what takes it away.
    await Promise.allSettled([staging, performing]);
    for (const cleanup of cleanups.toReversed()) await cleanup().catch(() => undefined);
  }
}

async function setStage(
  story: Story,
  directory: string,
  {
    options: { sabotage },
    stop,
    cleanups,
  }: {
    readonly options: DemoOptions;
    readonly stop: AbortSignal;
    readonly cleanups: (() => Promise<void>)[];
  },
): Promise<Stage> {
  process.stdout.write('Touchstone: no proof, no guests. The whole story on this machine.\n');
  story.step('A private PostgreSQL, the CA and the verifier start');
  const deployment = await startDeployment({
    dataDir: join(directory, 'up'),
    host: HOST,
    serverPort: await freePort(HOST),
    caPort: await freePort(HOST),
    intervalSeconds: INTERVAL_SECONDS,
    progress: (line) => story.say(line),
  });
  cleanups.push(() => deployment.stop());
  story.good(`the verifier answers at ${deployment.url}`);
  const hypervisor = new Hypervisor(directory);
  cleanups.push(() => hypervisor.powerOff());
  const vm = new VirtualMachine(directory);
  const stage: Stage = {
    ...{ story, directory, deployment, hypervisor, vm, sabotage, stop },
    openGate: null,
  };
  cleanups.push(async () => {
    stage.openGate?.close();
    for (const pid of await vm.processes()) process.kill(pid, 'SIGKILL');
  });
  return stage;
}

async function perform(stage: Stage): Promise<boolean> {
  await logIn(stage);
  await enrolHost(stage);
  await approveHostAndBaseline(stage);
  const ran = await startOnGoodHost(stage);
  const refused = await startOnChangedHost(stage);
  await showFleet(stage);
  const { story } = stage;
  if (ran && refused) story.good('the VM ran on the host that proved itself, and on no other');
  else story.bad('the gate did not do its work');
  return ran && refused;
}

/** An operator's command; its output is shown, and its failure ends the demonstration. */
async function operator(
  stage: Stage,
  args: readonly string[],
  options: { readonly quiet?: true; readonly input?: string } = {},
): Promise<Outcome> {
  stage.stop.throwIfAborted();
  const environment = { TOUCHSTONE_PROFILE: join(stage.directory, 'operator.json') };
  const outcome = await runBin('touchstone', args, { ...options, environment });
  if (outcome.exitCode !== 0) {
    throw new UpError(
      'DEMO_FAILED',
      `touchstone ${args.join(' ')}: exit code ${outcome.exitCode}\n${outcome.stderr}${outcome.stdout}`,
      'Run `npm run demo -- --keep` and look at the logs in the directory that it names.',
    );
  }
  if (options.quiet !== true) stage.story.command(`touchstone ${args.join(' ')}`, outcome.stdout);
  return outcome;
}

async function logIn(stage: Stage): Promise<void> {
  const { url, fingerprint, firstToken, firstCaToken } = stage.deployment;
  const server = ['--server', url, '--fingerprint', fingerprint];
  const input = loginText(firstToken, firstCaToken) ?? '';
  await operator(stage, ['login', ...server, '--token-file', '-'], { input, quiet: true });
  stage.story.good('the operator is logged in with the first token');
}

async function enrolHost(stage: Stage): Promise<void> {
  const { story, hypervisor, deployment } = stage;
  story.step('A host with a software TPM measures itself and enrols');
  const tokenFile = join(stage.directory, 'join-token');
  const created = await operator(
    stage,
    ['join-token', 'create', '--class', 'software', '--label', 'site=demo', '--hold', '--json'],
    { quiet: true },
  );
  const { token } = JSON.parse(created.stdout) as { token: string };
  await writeFile(tokenFile, token, { mode: 0o600 });
  await mkdir(hypervisor.stateDir, { mode: 0o700 });
  await hypervisor.prepare();
  stage.stop.throwIfAborted();
  const enrolled = await runBin(
    'agent',
    ['enroll', '--tpm', 'software', '--state', hypervisor.stateDir, '--name', NAME].concat(
      ['--server', deployment.url, '--fingerprint', deployment.fingerprint],
      ['--join-token-file', tokenFile],
    ),
    { environment: {} },
  );
  story.command(
    `touchstone-agent enroll --tpm software --server ${deployment.url} --fingerprint ${deployment.fingerprint.slice(0, 8)}… --join-token-file join-token`,
    `${enrolled.stderr}${enrolled.stdout}`,
  );
  if (enrolled.exitCode !== 0)
    throw new UpError('DEMO_FAILED', 'the host did not enrol', 'See above.');
  stage.stop.throwIfAborted();
  await hypervisor.startAgent();
  story.good('the CA has proved the TPM and certified its attestation key');
}

async function approveHostAndBaseline(stage: Stage): Promise<void> {
  stage.story.step('An operator approves the host, and what it booted');
  await operator(stage, ['host', 'approve', NAME, '--class', 'software']);
  await operator(stage, [
    'baseline',
    'capture',
    NAME,
    '--name',
    'demo',
    '--label',
    'site=demo',
    '--accept-unverified',
  ]);
  await operator(stage, ['baseline', 'show', 'demo']);
  await operator(stage, ['baseline', 'approve', 'demo']);
}

async function startOnGoodHost(stage: Stage): Promise<boolean> {
  const { story, vm, hypervisor } = stage;
  story.step('A VM is registered and started through the gate');
  await vm.prepare();
  await operator(stage, [
    'vm',
    'add',
    vm.uuid,
    '--name',
    'demo-vm',
    '--class',
    'software',
    '--host-label',
    'site=demo',
  ]);
  const start = await vm.start(hypervisor.stateDir);
  showStart(stage, start);
  if (start.ran && start.processes.length > 0)
    story.good('QEMU ran the VM, and its boot sector said so');
  else story.bad('the VM did not run');
  return start.ran;
}

async function startOnChangedHost(stage: Stage): Promise<boolean> {
  const { story, vm, hypervisor } = stage;
  story.step('The host reboots with a changed file, and the VM is started again');
  stage.stop.throwIfAborted();
  await hypervisor.powerOff();
  await hypervisor.change();
  await hypervisor.startAgent();
  stage.stop.throwIfAborted();
  story.say(`changed: ${hypervisor.configuration}`);
  if (stage.sabotage === 'allow-all') {
    stage.openGate = await putOpenGate(hypervisor.stateDir);
    story.say('sabotage: a gate that lets everything through stands in the place of the agent’s');
  }
  const start = await vm.start(hypervisor.stateDir);
  showStart(stage, start);
  const refused = !start.ran && start.processes.length === 0 && start.exitCode !== 0;
  const explained = start.stderr.includes(hypervisor.configuration);
  if (refused && explained) story.good('no QEMU process started, and the changed file was named');
  else story.bad(refused ? 'refused, but the changed file was not named' : 'the VM was started');
  return refused && explained;
}

function showStart({ story, vm }: Stage, start: Outcome & { readonly serial: string }): void {
  story.command(
    `touchstone-agent run --vm ${vm.uuid} -- qemu-system-x86_64 …`,
    start.serial === '' ? start.stderr : `serial port: ${firstLine(start.serial)}`,
  );
}

/** Printable ASCII of the first line: a terminal is not driven by a VM. */
const firstLine = (text: string): string =>
  (text.trim().split('\n')[0] ?? '').replaceAll(/[^ -~]/gu, '?');

async function showFleet(stage: Stage): Promise<void> {
  stage.story.step('The fleet');
  await operator(stage, ['host', 'list']);
  await operator(stage, ['host', 'explain', NAME]);
}

function sayHowToGoOn({ story, directory, hypervisor, deployment }: Stage): void {
  story.say('');
  story.say(`It goes on running: ${deployment.url}. Ctrl-C here ends it and takes it away.`);
  story.say(`export TOUCHSTONE_PROFILE=${join(directory, 'operator.json')}`);
  story.say(`${BIN.touchstone} host list`);
  story.say(`${BIN.agent} status --state ${hypervisor.stateDir}`);
  story.say(`logs: ${directory}`);
}
