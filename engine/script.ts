/** Scripts cut into statements: for faces that send them one by one. */
import {partText, splitScript} from '../kernel/statement/split.ts';

/** @throws {WarehouseError} `MR_SYNTAX` for text that does not end (a string, a comment). */
export function splitStatements(script: string): string[] {
  return splitScript(script).map(partText);
}
