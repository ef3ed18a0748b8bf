/**
 * JSON whose integers survive: JSON.parse would turn 9223372036854775807, the commit identifier of every batch job, into
 * 9223372036854775808, which is no longer a Java long. Integers beyond 2^53-1 are read as bigint, and bigint is printed as digits.
 *
 * Reading replaces each such number in the text by a string with a NUL mark, lets JSON.parse do the rest and takes the mark off
 * again; strings that begin with NUL themselves get a mark of their own first.
 */

export type ExactJson = null | boolean | number | bigint | string | readonly ExactJson[] | {readonly [key: string]: ExactJson | undefined};

const tokenRe = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** @throws {SyntaxError} where the text is not JSON. */
export function parseExactJson(text: string): unknown {
  const marked = text.replace(tokenRe, (token) => {
    if (token.startsWith('"')) return token.startsWith('"\\u0000') ? `"\\u0000s${token.slice(1)}` : token;
    return /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"\\u0000i${token}"` : token;
  });
  return JSON.parse(marked, (_key, value: unknown) => {
    if (typeof value !== 'string' || value.charCodeAt(0) !== 0) return value;
    return value[1] === 'i' ? BigInt(value.slice(2)) : value.slice(2);
  });
}

/** @returns the value in the layout that Java's printer gives (`"a" : 1`, two blanks a level); undefined properties are left out. */
export function printExactJson(value: ExactJson, indent = ''): string {
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const items = value as readonly ExactJson[];
    return items.length === 0 ? '[ ]' : `[ ${items.map((item) => printExactJson(item, indent)).join(', ')} ]`;
  }
  const lines: string[] = [];
  for (const [key, property] of Object.entries(value as {readonly [key: string]: ExactJson | undefined})) {
    if (property !== undefined) lines.push(`${inner}${JSON.stringify(key)} : ${printExactJson(property, inner)}`);
  }
  return lines.length === 0 ? '{ }' : `{\n${lines.join(',\n')}\n${indent}}`;
}
