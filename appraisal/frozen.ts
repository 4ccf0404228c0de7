/** JSON data, frozen throughout: what is shared between answers, nobody writes on. */
export function frozen<T>(data: T): T {
  if (typeof data !== 'object' || data === null) return data;
  for (const value of Object.values(data)) frozen(value);
  return Object.freeze(data);
}
