/**
 * Which aggregates are maintained, and how: by delta (accumulators that rows can be taken out of), by affected group (any whose
 * answer follows from the group's rows alone), or refused, since their answer depends on the order in which rows arrived.
 */
import type {AggregateCall, Expression} from '../kernel/plan/tree.ts';
import {operandsOf, sameExpression} from '../kernel/plan/walk-expression.ts';
import {notIncremental} from './refusal.ts';
import type {Level} from './operator-spec.ts';

const deltaNames = new Set(['count_star', 'count', 'sum', 'sum_no_overflow', 'avg', 'mean', 'min', 'max', 'bool_and', 'bool_or', 'fsum', 'favg', 'sumkahan', 'kahan_sum']);
/** The answer does not depend on DISTINCT. */
const distinctAgnostic = new Set(['min', 'max', 'bool_and', 'bool_or']);

/** A function of the group's rows, whatever their order (up to rounding, for those over DOUBLE). */
const groupNames = new Set([
  'stddev', 'stddev_pop', 'stddev_samp', 'var_pop', 'var_samp', 'variance', 'covar_pop', 'covar_samp', 'corr', 'skewness', 'kurtosis', 'kurtosis_pop', 'entropy', 'sem',
  'regr_avgx', 'regr_avgy', 'regr_count', 'regr_intercept', 'regr_r2', 'regr_slope', 'regr_sxx', 'regr_sxy', 'regr_syy',
  'median', 'quantile', 'quantile_cont', 'quantile_disc', 'mad', 'product', 'geomean', 'geometric_mean', 'bit_and', 'bit_or', 'bit_xor', 'count_if', 'countif', 'histogram', 'histogram_exact', 'approx_count_distinct', 'bitstring_agg',
]);

/** The answer is a row's, or a list of rows: fixed only by an ORDER BY that leaves no ties. */
const orderedNames = new Set(['first', 'last', 'any_value', 'arbitrary', 'list', 'array_agg', 'string_agg', 'group_concat', 'listagg']);

/** Order decides, and no ORDER BY inside the aggregate helps; the form to write instead. */
const orderBound: Readonly<Record<string, string>> = {
  arg_min: 'first(x ORDER BY y, x)', arg_min_nulls_last: 'first(x ORDER BY y, x)', arg_min_null: 'first(x ORDER BY y, x)', argmin: 'first(x ORDER BY y, x)', min_by: 'first(x ORDER BY y, x)',
  arg_max: 'first(x ORDER BY y DESC, x)', arg_max_nulls_last: 'first(x ORDER BY y DESC, x)', arg_max_null: 'first(x ORDER BY y DESC, x)', argmax: 'first(x ORDER BY y DESC, x)', max_by: 'first(x ORDER BY y DESC, x)',
  mode: 'a count per value and first(value ORDER BY count DESC, value) over it',
  approx_quantile: 'quantile_cont(x, q)', reservoir_quantile: 'quantile_cont(x, q)', approx_top_k: 'a count per value',
};

/**
 * @returns whether the call makes a list in order of arrival: an answer only where all that is done with the list is independent
 *   of its order (`orderFreeUse`). DuckDB plans list(x ORDER BY x) so: a list, sorted above the aggregate.
 */
export function unorderedList(call: AggregateCall): boolean {
  return (call.name === 'list' || call.name === 'array_agg') && call.orderBy.length === 0;
}

const orderFreeFunctions = new Set(['list_sort', 'array_sort', 'list_reverse_sort', 'array_reverse_sort', 'list_grade_up', 'len', 'length', 'array_length', 'list_unique', 'array_unique', 'list_contains', 'array_contains', 'list_has', 'array_has', 'contains']);

/** @throws {WarehouseError} MR_NOT_INCREMENTAL (invalid) if `expression` shows the order of one of the lists at `columns`. */
export function requireOrderFree(expression: Expression, columns: ReadonlySet<number>): void {
  if (expression.kind === 'column' && columns.has(expression.index)) throw unorderedRefusal('list', 'x');
  for (const operand of operandsOf(expression)) {
    const free = expression.kind === 'function' && orderFreeFunctions.has(expression.name) && operand === expression.args[0] && operand.kind === 'column';
    if (!free) requireOrderFree(operand, columns);
  }
}

function unorderedRefusal(name: string, values: string): Error {
  return notIncremental(`the aggregate ${name}`, 'its answer depends on the order in which rows arrived', `fix the order and leave no ties: ${name}(${values} ORDER BY ${values})`);
}

function determined(call: AggregateCall): boolean {
  const values = call.args.filter((argument) => argument.kind !== 'constant');
  return values.every((value: Expression) => call.orderBy.some(({expression}) => sameExpression(expression, value)));
}

/**
 * @returns how the aggregate is maintained.
 * @throws {WarehouseError} MR_NOT_INCREMENTAL (invalid) with the form to write, if its answer depends on the order of arrival.
 */
export function aggregateLevel(call: AggregateCall): Level {
  const {name} = call;
  if (orderedNames.has(name)) {
    if (determined(call) || unorderedList(call)) return 'affected group';
    const values = call.args.filter((argument) => argument.kind !== 'constant').map((_, index) => (index === 0 ? 'x' : `x${index + 1}`)).join(', ');
    if (call.orderBy.length === 0) throw unorderedRefusal(name, values);
    const form = `${name}(${values} ORDER BY …, ${values})`;
    throw notIncremental(`the aggregate ${name}`, 'its answer depends on the order in which rows arrived', `leave no ties in the order: ${form}`);
  }
  const instead = orderBound[name];
  if (instead !== undefined) throw notIncremental(`the aggregate ${name}`, 'its answer depends on the order in which rows arrived', `write ${instead}`);
  const extreme = name === 'min' || name === 'max';
  if (deltaNames.has(name) && !(extreme && call.args.length !== 1)) {
    if (call.distinct && name !== 'count' && !distinctAgnostic.has(name)) return 'affected group';
    return heldArguments(call) ? 'delta' : 'affected group';
  }
  if (groupNames.has(name) || extreme) return 'affected group';
  throw notIncremental(`the aggregate ${name}`, 'nothing is known of how its answer depends on the order of rows', 'compute it where the table is read, or ask for it to be classified');
}

/** Sums and averages of dates and intervals exist in DuckDB; accumulators hold numbers only. Bytes of nested values are not in their order. */
function heldArguments(call: AggregateCall): boolean {
  const type = call.args[0]?.type.kind;
  switch (call.name) {
    case 'min': case 'max': return type !== 'list' && type !== 'struct' && type !== 'map';
    case 'sum': case 'sum_no_overflow': case 'avg': case 'mean': case 'fsum': case 'favg': case 'sumkahan': case 'kahan_sum':
      return type === 'tinyint' || type === 'smallint' || type === 'integer' || type === 'bigint' || type === 'hugeint' || type === 'decimal' || type === 'float' || type === 'double';
    default: return true;
  }
}
