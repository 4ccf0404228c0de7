import { readFile } from 'node:fs/promises';
import type { ServerConfig } from './config.ts';
import { signingKey } from './services/signing-key.ts';
import type { BundleSigners } from './services/trust-bundles.ts';

export async function bundleSigners(config: ServerConfig): Promise<BundleSigners> {
  const { bundleKeyFile, previousBundleKeyFile: previous } = config;
  const keyIn = async (file: string) =>
    signingKey(await readFile(file, 'utf8'), 'touchstone-bundle+jwt');
  const bundleKey = await keyIn(bundleKeyFile);
  if (previous === undefined) return { bundleKey };
  return { bundleKey, previousBundleKey: await keyIn(previous) };
}
