/** For a process of Node's that is to see the wall clock this much ahead, or behind. Monotonic clocks stay as they are. */
export function shiftedClock(ms: number): { readonly NODE_OPTIONS: string } {
  const code = `
    const Real = Date;
    globalThis.Date = class extends Real {
      constructor(...given) { given.length === 0 ? super(Real.now() + ${ms}) : super(...given); }
      static now() { return Real.now() + ${ms}; }
    };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}
