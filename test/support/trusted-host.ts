import type { Measured } from './measured-boot.ts';
import { TestHost } from './test-host.ts';
import { startTouchstone, type Touchstone } from './touchstone.ts';

type Scene = { readonly touchstone: Touchstone; readonly host: TestHost };

/** A deployment and a host that it trusts, from a suite's first test to its last; `begun` is given them. */
export function useTrustedHost(
  begun: (scene: Scene) => void,
  {
    boot,
    vm,
  }: {
    readonly boot?: readonly Measured[];
    /** Whose record there is. */
    readonly vm?: { readonly uuid: string; readonly name: string };
  } = {},
): void {
  let touchstone: Touchstone | undefined;
  let host: TestHost | undefined;
  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone();
    host = await TestHost.trusted(touchstone, boot);
    if (vm !== undefined) await touchstone.addVm(vm);
    begun({ touchstone, host });
  });
  after(async function () {
    this.timeout(60_000);
    await host?.stop();
    await touchstone?.stop();
  });
}
