/** Constant arguments of aggregates (separators, quantiles), which DuckDB moves out of the call into its bind data. */
import {lowerValue} from './lower-constant.ts';
import {unsupported, type PlanFields} from './plan-json.ts';
import type {Expression, PlanType} from './tree.ts';

/**
 * @param data the call's bind data, where it has any; read to its end.
 * @returns the arguments, to be put behind those that the plan still has.
 * @throws {WarehouseError} `MR_PLAN_UNSUPPORTED` naming an aggregate whose data is not understood.
 */
export function movedArguments(name: string, type: PlanType, data: PlanFields | undefined): Expression[] {
  if (data === undefined) return [];
  const moved = readMoved(name, type, data);
  data.end();
  return moved;
}

function readMoved(name: string, type: PlanType, data: PlanFields): Expression[] {
  if (data.has('separator')) return [{kind: 'constant', type: {kind: 'varchar'}, value: data.text('separator')}];
  if (!data.has('quantiles') || !data.has('desc')) return [];
  data.ignore('order'); // the order of the list, sorted: follows from it
  const descending = data.flag('desc');
  const quantiles = data.list('quantiles').map(json => lowerQuantile(json, descending, name));
  const [first] = quantiles;
  if (first === undefined) throw unsupported(`${name} without a quantile`);
  if (name === 'median') return [];
  // Only the type of the answer tells one quantile from a list of one.
  if (type.kind !== 'list' && !(type.kind === 'other' && type.text.endsWith('[]'))) return [first];
  return [{kind: 'function', type: {kind: 'list', element: {kind: 'decimal', precision: 18, scale: 9}}, name: 'list_value', args: quantiles, infix: false}];
}

/** `WITHIN GROUP (ORDER BY x DESC)` is a negative quantile in a plain call. */
function lowerQuantile(json: unknown, descending: boolean, name: string): Expression {
  const quantile = lowerValue(json);
  if (!descending) return quantile;
  if (quantile.kind !== 'constant' || (typeof quantile.value !== 'bigint' && typeof quantile.value !== 'number') || Number(quantile.value) === 0) {
    throw unsupported(`${name} in descending order at ${quantile.kind === 'constant' ? String(quantile.value) : quantile.kind}`, 'order ascending and take 1 - the quantile');
  }
  return {...quantile, value: -quantile.value};
}
