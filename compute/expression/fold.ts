/** Constant subexpressions are evaluated once, here, by the same generated code that rows go through; one that raises stays and raises per row. */
import {Arena} from '../../base/arena.ts';
import type {Column} from '../../base/delta.ts';
import type {ConstantValue, Expression, PlanType} from '../../kernel/plan/tree.ts';
import {mapOperands, operandsOf} from '../../kernel/plan/walk-expression.ts';
import {ColumnBuffers} from './column-buffers.ts';
import {ExpressionError} from './expression-error.ts';
import {narrowForm} from './form.ts';
import {splitExtract} from './functions-text.ts';
import {intervalConstant} from './interval.ts';
import {projectionKernel} from './kernel.ts';
import {emptyOutput, runProjection} from './run-kernel.ts';
import {StructureIds} from './structure.ts';
import {leaveToDuckdb, refusalOf} from './support.ts';

const textDecoder = new TextDecoder();

const splitNames: ReadonlySet<string> = new Set(['string_split', 'str_split', 'split', 'string_to_array']);
const extractNames: ReadonlySet<string> = new Set(['array_extract', 'list_extract', 'list_element']);

/** `string_split(x, separator)[index]` becomes one function, so that no list is made. */
function fused(expression: Expression): Expression {
  if (expression.kind !== 'function' || !extractNames.has(expression.name)) return expression;
  const [list, index] = expression.args;
  if (list?.kind !== 'function' || !splitNames.has(list.name) || index === undefined) return expression;
  return {kind: 'function', type: expression.type, name: splitExtract, args: [...list.args, index], infix: false};
}

/** @returns `expression` with every subexpression that reads no column replaced by its value. */
export function fold(expression: Expression): Expression {
  if (expression.kind === 'column' || expression.kind === 'constant') return expression;
  const folded = mapOperands(fused(expression), fold);
  if (!operandsOf(folded).every((child) => child.kind === 'constant')) return folded;
  if (folded.type.kind === 'interval') return intervalConstant(folded) ?? folded;
  if (folded.type.kind === 'blob' || refusalOf(folded) !== null) return folded;
  const value = valueOf(folded);
  return value === undefined ? folded : {kind: 'constant', type: folded.type, value};
}

/** @returns the value of an expression without columns, undefined where it raises. */
function valueOf(expression: Expression): ConstantValue | undefined {
  const buffers = new ColumnBuffers(new Arena());
  for (const wide of [false, true]) {
    const kernel = projectionKernel([expression], {columns: [], wide, selected: false}, new StructureIds());
    try {
      const columns = runProjection(kernel, [], null, 1, [emptyOutput()], buffers);
      if (columns !== null) return firstValue(columns[0]!, expression.type);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      if (error.needsFallback) leaveToDuckdb(expression);
      return undefined;
    }
  }
  return undefined;
}

function firstValue(column: Column, type: PlanType): ConstantValue {
  if (column.valid !== null && column.valid[0] === 0) return null;
  switch (column.kind) {
    case 'i32': return narrowForm(type) === 'flag' ? column.data[0] !== 0 : BigInt(column.data[0]!);
    case 'f64': return narrowForm(type) === 'double' ? column.data[0]! : BigInt(column.data[0]!);
    case 'i64': return column.data[0]!;
    case 'i128': return (column.data[1]! << 64n) | BigInt.asUintN(64, column.data[0]!);
    case 'bytes': return textDecoder.decode(column.arena.view(column.address[0]!, column.length[0]!));
  }
}
