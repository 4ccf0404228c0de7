/**
 * `npm run soak`: real hosts against a real deployment for as long as is asked, while everything that can be
 * killed, frozen or rebooted is. Whatever happens, a host that booted something else starts no VM, no start is
 * without a permit, and once the faults are over every good host is served again.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { VmStarts } from '@touchstone/schemas';
import { type Random, randomFrom } from '../fuzz/random.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';
import { FAULTS } from './faults.ts';
import { type ModelHost, newModelHost, type Tried } from './host-model.ts';

const USAGE = `usage: npm run soak -- [--minutes N] [--hosts N] [--kills N] [--run N]

  --minutes N  for how long (default: 10)
  --hosts N    how many hosts, 1 to 8 (default: 2)
  --kills N    how often the CA is killed while it rotates its keys, before that (default: 200)
  --run N      decides what happens in which order (default: by the time, and said)`;

/** From the end of the last fault to the next start of a good host. */
const RECOVERY_MS = 90_000;

type Asked = {
  readonly minutes: number;
  readonly hosts: number;
  readonly kills: number;
  readonly run: number;
};

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  const asked = readArguments();
  if (asked === null) {
    console.error(USAGE);
    return 64;
  }
  console.log(`run ${asked.run}: ${asked.hosts} hosts for ${asked.minutes} minutes`);
  if (!(await rotationsSurvive(asked)) || !(await rotationsRefuseNobody(asked))) return 1;
  const touchstone = await startTouchstone({ intervalSeconds: 2 });
  const models: ModelHost[] = [];
  try {
    for (let number = 1; number <= asked.hosts; number += 1) {
      models.push(await newModelHost(touchstone, `soak-${number}`));
    }
    return await soak(touchstone, models, asked);
  } finally {
    for (const { host } of models) await host.stop();
    await touchstone.stop();
  }
}

/** A CA of its own, that is killed while it rotates its keys. */
async function rotationsSurvive({ kills, run }: Asked): Promise<boolean> {
  if (kills === 0) return true;
  const script = fileURLToPath(new URL('../../ca/test/soak/rotation-kills.ts', import.meta.url));
  const child = spawn(process.execPath, [script, String(kills), String(run)], {
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code === 0;
}

/** Two hundred simulated hosts attest and ask for permits while a CA's keys change. */
async function rotationsRefuseNobody({ kills }: Asked): Promise<boolean> {
  if (kills === 0) return true;
  const house = fileURLToPath(new URL('../..', import.meta.url));
  const mocha = fileURLToPath(new URL('../../node_modules/mocha/bin/mocha.js', import.meta.url));
  const child = spawn(process.execPath, [mocha, 'test/e2e/rotation.test.ts'], {
    ...{ cwd: house, stdio: 'inherit' },
    env: { ...process.env, TOUCHSTONE_ROTATION_HOSTS: '200' },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code === 0;
}

async function soak(
  touchstone: Touchstone,
  models: readonly ModelHost[],
  { minutes, run }: Asked,
): Promise<number> {
  const vm = randomUUID();
  await touchstone.addVm({ uuid: vm, name: 'soaked' });
  const random = randomFrom(run);
  const until = performance.now() + minutes * 60_000;
  const counts = new Map<string, number>();
  let [rounds, started] = [0, 0];
  while (performance.now() < until) {
    rounds += 1;
    const model = random.pick(models);
    const { name, tried } = await oneRound({ touchstone, models, model, vm, random });
    counts.set(name, (counts.get(name) ?? 0) + 1);
    const wrong = tried.find((one) => one.started && !one.wasGood);
    if (wrong !== undefined) return failed(`a host that is not good started a VM: ${name}`, wrong);
    started += tried.filter((one) => one.started).length;
    const left = Math.max(0, Math.round((until - performance.now()) / 60_000));
    console.log(`${String(rounds).padStart(5)}  ${name}: ${told(tried)}  (${left} minutes left)`);
    if (rounds % 10 === 0) {
      const lost = await recovered(models, vm);
      if (typeof lost === 'object') return failed('a good host was not served again', lost);
      started += lost;
    }
  }
  for (const model of models) await model.boot(true);
  const lost = await recovered(models, vm);
  if (typeof lost === 'object') return failed('a good host was not served at the end', lost);
  started += lost;
  const permitted = await permits(touchstone, vm);
  if (permitted < started) return failed('VMs started without a permit', { permitted, started });
  console.log(`\n${rounds} rounds, ${started} starts, ${permitted} permits, nothing wrong`);
  for (const [name, count] of [...counts].toSorted(([a], [b]) => a.localeCompare(b)))
    console.log(`${String(count).padStart(5)}  ${name}`);
  return 0;
}

/** A fault at one host, and starts at all of them while it lasts. */
async function oneRound(round: {
  readonly touchstone: Touchstone;
  readonly models: readonly ModelHost[];
  readonly model: ModelHost;
  readonly vm: string;
  readonly random: Random;
}): Promise<{ readonly name: string; readonly tried: readonly Tried[] }> {
  const { models, model, vm, random } = round;
  const fault = random.pick(FAULTS);
  // What a host is when it boots in the middle of a start cannot be said: that one waits.
  const boots = fault.name.startsWith('it boots');
  const others = boots ? models.filter((one) => one !== model) : models;
  const starting = others.map(async (one) => {
    await sleep(random.below(400));
    return one.tryStart(vm);
  });
  await fault.happen(round);
  const tried = await Promise.all(starting);
  if (boots) tried.push(await model.tryStart(vm));
  return { name: `${model.host.name}, ${fault.name}`, tried };
}

/** How many more starts there were; or what kept a good host from one. */
async function recovered(models: readonly ModelHost[], vm: string): Promise<number | Tried> {
  let starts = 0;
  for (const model of models.filter((one) => one.isGood())) {
    const until = performance.now() + RECOVERY_MS;
    for (;;) {
      const tried = await model.tryStart(vm);
      if (tried.started) {
        starts += 1;
        break;
      }
      if (performance.now() > until) return tried;
      await sleep(500);
    }
  }
  return starts;
}

/** Every permit that the server gave for it. */
async function permits(touchstone: Touchstone, vm: string): Promise<number> {
  let [count, query] = [0, ''];
  for (;;) {
    const page = await touchstone.operator('GET', `/v1/vms/${vm}/starts${query}`, VmStarts);
    count += page.starts.filter(({ decision }) => decision === 'permitted').length;
    if (page.nextCursor === undefined) return count;
    query = `?cursor=${page.nextCursor}`;
  }
}

const told = (tried: readonly Tried[]): string =>
  tried
    .map(
      ({ host, started, outcome }) => `${host} ${started ? 'started' : (outcome.codes[0] ?? '?')}`,
    )
    .join(', ');

function failed(what: string, detail: unknown): number {
  console.log(`\nFAILED: ${what}\n${JSON.stringify(detail, null, 2)}`);
  return 1;
}

function readArguments(): Asked | null {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '10' },
        hosts: { type: 'string', default: '2' },
        kills: { type: 'string', default: '200' },
        run: { type: 'string', default: String(Math.floor(Date.now() / 1_000) % 1_000_000) },
      },
    });
    const minutes = /^[0-9]{1,4}(\.[0-9])?$/u.test(values.minutes) ? Number(values.minutes) : 0;
    const hosts = /^[1-8]$/u.test(values.hosts) ? Number(values.hosts) : 0;
    const kills = /^[0-9]{1,5}$/u.test(values.kills) ? Number(values.kills) : null;
    const run = /^[0-9]{1,9}$/u.test(values.run) ? Number(values.run) : null;
    if (minutes === 0 || hosts === 0 || run === null || kills === null) return null;
    return { minutes, hosts, kills, run };
  } catch {
    return null;
  }
}

process.exitCode = await main();
