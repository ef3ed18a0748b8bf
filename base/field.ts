/** Fields of row objects: a column may be named as any user likes, `__proto__` too. */

/** Sets a field as an own one, whatever its name. */
export function setField(row: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(row, name, {value, enumerable: true, configurable: true, writable: true});
  else row[name] = value;
}

/** @returns an own field; undefined where a row only inherits something of that name. */
export function fieldOf(row: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(row, name) ? row[name] : undefined;
}
