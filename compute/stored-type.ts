/**
 * Types between operators. Columns of deltas hold stored types, and HUGEINT, the type of sums, in the physical form of
 * DECIMAL(38,0); values of any other type live inside one operator only.
 */
import {invariant} from '../base/invariant.ts';
import type {LogicalType} from '../base/type.ts';
import {printType, storable} from '../kernel/plan/plan-type.ts';
import {storedTypeOf} from '../kernel/plan/stored-type.ts';
import type {PlanNode, PlanType} from '../kernel/plan/tree.ts';

const decimal38: LogicalType = {kind: 'decimal', precision: 38, scale: 0};

/** @returns whether a delta's column can carry values of `type`. */
export function carried(type: PlanType): boolean {
  return type.kind === 'hugeint' || storable(type);
}

/** @returns the stored type whose physical form holds values of `type`; `carried(type)` must hold. */
export function heldType(type: PlanType): LogicalType {
  if (storable(type)) return type;
  invariant(type.kind === 'hugeint', () => `a column between operators is of type ${printType(type)}`);
  return decimal38;
}

export interface OutputColumn {readonly name: string; readonly type: LogicalType}

/**
 * @returns the columns of a dynamic table over `tree`, by stored type; names are the tree's.
 * @throws {WarehouseError} MR_TYPE_UNSTORABLE (invalid) naming the column and the cast to write.
 */
export function outputColumns(tree: PlanNode): OutputColumn[] {
  return tree.columns.map(({name, type}) => ({name, type: storedTypeOf(type, name)}));
}
