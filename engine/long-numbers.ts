/** JSON text whose numbers have more digits than a double holds. */

/** Puts quotes around numbers of 16 digits or more that stand outside strings, so that JSON.parse keeps every digit. */
export function quoteLongNumbers(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.]{15,}(?:[eE][+-]?\d+)?/g, (token) => (token.startsWith('"') ? token : `"${token}"`));
}
