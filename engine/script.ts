/** Scripts cut into what can be sent one by one: for faces that print every result. */
import {partText, splitScript, type ScriptPart} from '../kernel/statement/split.ts';

const begins = /^(?:BEGIN|START\s+TRANSACTION)\b/i;
const ends = /^(?:COMMIT|END|ROLLBACK|ABORT)\b/i;

/**
 * @returns the statements; those of a transaction, from BEGIN to its COMMIT or ROLLBACK, as one text.
 * @throws {WarehouseError} `MR_SYNTAX` for text that does not end (a string, a comment).
 */
export function transactionUnits(script: string): string[] {
  const units: string[] = [];
  let open: ScriptPart | null = null;
  for (const part of splitScript(script)) {
    const text = partText(part);
    if (open === null && begins.test(text)) open = part;
    else if (open === null) units.push(text);
    else if (ends.test(text)) {
      units.push(script.slice(open.span.start, part.span.end));
      open = null;
    }
  }
  if (open !== null) units.push(script.slice(open.span.start));
  return units;
}
