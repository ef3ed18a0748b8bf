/**
 * Operator trees as JSON, for log frames, checkpoints and golden files. Plain JSON but for what JSON cannot say: bigints are
 * `{"$bigint": "5"}`, and NaN, ±Infinity and −0 are `{"$number": "NaN"}`.
 */
import {WarehouseError} from '../../base/error.ts';
import type {PlanNode} from './tree.ts';

/** @returns the same text for equal trees. */
export function encodeTree(tree: PlanNode, indent?: number): string {
  return JSON.stringify(tree, (_, value: unknown) => {
    if (typeof value === 'bigint') return {$bigint: value.toString()};
    if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) return {$number: Object.is(value, -0) ? '-0' : String(value)};
    return value;
  }, indent);
}

/** @throws {WarehouseError} `MR_TREE_DAMAGED` (data) if `text` is no tree. */
export function decodeTree(text: string): PlanNode {
  let value: unknown;
  try {
    value = JSON.parse(text, (_, field: unknown) => {
      if (typeof field !== 'object' || field === null) return field;
      if ('$bigint' in field) return BigInt(String(field.$bigint));
      return '$number' in field ? Number(field.$number) : field;
    });
  } catch (cause) {
    throw new WarehouseError('data', 'MR_TREE_DAMAGED', `a stored operator tree is no JSON: ${text.slice(0, 80)}`, {cause});
  }
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('columns' in value)) {
    throw new WarehouseError('data', 'MR_TREE_DAMAGED', `a stored operator tree has no kind or columns: ${text.slice(0, 80)}`);
  }
  return value as PlanNode;
}

/** Whether two trees are the same operator by operator, with the same column names. */
export function sameTree(a: PlanNode, b: PlanNode): boolean {
  return a === b || encodeTree(a) === encodeTree(b);
}
