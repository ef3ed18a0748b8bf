/** Whether expressions can run as generated code, or need DuckDB. */
import type {Expression} from '../kernel/plan/tree.ts';
import {unsupportedIn} from './expression/compile.ts';

/** @returns why the expressions are not compiled, null if all are. Columns that only pass through are never a reason. */
export function uncompiledReason(expressions: readonly Expression[]): string | null {
  for (const expression of expressions) {
    const reason = expression.kind === 'column' ? null : unsupportedIn(expression);
    if (reason !== null) return reason;
  }
  return null;
}
