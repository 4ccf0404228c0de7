/** Of the test's own environment, what a process that it starts needs: programs, and what Node has compiled before. */
export function inherited(): Record<string, string> {
  const { PATH = '/usr/bin:/bin', NODE_COMPILE_CACHE } = process.env;
  return NODE_COMPILE_CACHE === undefined ? { PATH } : { PATH, NODE_COMPILE_CACHE };
}
