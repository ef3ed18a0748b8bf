/**
 * Types between operators and in tables. A plan may carry types that no table column can have; columns of deltas hold those of
 * them that share a physical form with a stored type: HUGEINT as DECIMAL(38,0), small unsigned integers as the next signed type.
 */
import {WarehouseError} from '../base/error.ts';
import type {LogicalType} from '../base/type.ts';
import {typeText} from '../base/type.ts';
import type {PlanColumn, PlanNode, PlanType} from '../kernel/plan/tree.ts';

const bigint: LogicalType = {kind: 'bigint'};
const integer: LogicalType = {kind: 'integer'};
const decimal38: LogicalType = {kind: 'decimal', precision: 38, scale: 0};

/** @returns the stored type that holds every value of `type`, which is what a table column of it becomes; undefined if none does. */
export function storedType(type: PlanType): LogicalType | undefined {
  switch (type.kind) {
    case 'hugeint': return decimal38;
    case 'utinyint': case 'usmallint': return integer;
    case 'uinteger': return bigint;
    case 'ubigint': return {kind: 'decimal', precision: 20, scale: 0};
    case 'timestamp_s': case 'timestamp_ms': return {kind: 'timestamp'};
    case 'null': return integer;
    case 'interval': case 'time': case 'uhugeint': case 'timestamp_ns': case 'other': return undefined;
    default: return type;
  }
}

/** @returns whether a delta's column can carry `type` without changing what expressions over it mean. */
export function carried(type: PlanType): boolean {
  return type.kind === 'hugeint' || isStored(type);
}

function isStored(type: PlanType): type is LogicalType {
  const stored = storedType(type);
  return stored !== undefined && stored.kind === type.kind;
}

/** @returns the type by which a column of a delta is held; `carried(type)` must hold. */
export function heldType(type: PlanType): LogicalType {
  const stored = storedType(type);
  if (stored === undefined || !carried(type)) throw notStored('a column between two operators', type);
  return stored;
}

export function planTypeText(type: PlanType): string {
  switch (type.kind) {
    case 'other': return type.text;
    case 'null': return '"NULL"';
    case 'hugeint': case 'interval': case 'time': case 'uhugeint': case 'utinyint': case 'usmallint': case 'uinteger': case 'ubigint':
    case 'timestamp_s': case 'timestamp_ms': case 'timestamp_ns': return type.kind.toUpperCase();
    default: return typeText(type);
  }
}

function notStored(what: string, type: PlanType): WarehouseError {
  const text = planTypeText(type);
  const cast = type.kind === 'interval' ? 'epoch_us(…) or a cast to VARCHAR' : type.kind === 'timestamp_ns' ? '::TIMESTAMP' : type.kind === 'uhugeint' ? '::DECIMAL(38,0)' : '::VARCHAR';
  return new WarehouseError('invalid', 'MR_TYPE_NOT_STORED', `${what} is of type ${text}, which a table cannot store`, {hint: `write ${cast}`});
}

export interface OutputColumn {readonly name: string; readonly type: LogicalType}

/**
 * @returns the columns of a dynamic table over `tree`, by stored type.
 * @throws {WarehouseError} MR_TYPE_NOT_STORED (invalid) naming the column and the cast to write.
 */
export function outputColumns(tree: PlanNode): OutputColumn[] {
  return tree.columns.map((column: PlanColumn) => {
    const type = storedType(column.type);
    if (type === undefined) throw notStored(`column "${column.name}"`, column.type);
    return {name: column.name, type};
  });
}
