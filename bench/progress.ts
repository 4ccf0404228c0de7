import process from 'node:process';

/** What is being done, on standard error: one line that changes where a person looks on, else a line each. */
export function showProgress(row: string): ((line: string) => void) & Disposable {
  const { stderr } = process;
  const show = (line: string) => {
    if (stderr.isTTY) stderr.write(`\r\u001B[K${row}: ${line}`);
    else stderr.write(`${row}: ${line}\n`);
  };
  return Object.assign(show, {
    [Symbol.dispose]: () => {
      if (stderr.isTTY) stderr.write('\r\u001B[K');
    },
  });
}
