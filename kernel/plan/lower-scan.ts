/** DuckDB's serialised scans → get nodes; table functions of lists → unnest nodes. */
import {lowerValue} from './lower-constant.ts';
import {ended, projected, reference} from './lower-node.ts';
import {ABSENT_INDEX, PlanFields, planIndex, planInteger, unsupported} from './plan-json.ts';
import {isNestedPlan, listType, lowerType} from './plan-type.ts';
import type {Expression, PlanColumn, PlanNode, PlanType} from './tree.ts';

/** What a scan needs of the lowering around it. */
export interface ScanContext {
  node(input: unknown): PlanNode;
  dummy(): PlanNode;
  /** Tells that a column stands in for `rowid`, so that a reference to it is refused. */
  phantom(column: PlanColumn): void;
}

/** Lowers a GET: a table, or a table function that is a list in disguise. */
export function lowerScan(fields: PlanFields, inputs: readonly unknown[], context: ScanContext): PlanNode {
  const name = fields.text('name');
  fields.expect('ordinality_idx', ABSENT_INDEX);
  fields.expect('row_group_order_options', null);
  expectNoScanOptions(fields);
  const types = fields.list('returned_types').map(lowerType);
  const names = fields.list('names').map(String);
  const indexes = fields.list('column_indexes').map(lowerColumnIndex);
  const projection = fields.list('projection_ids').map(value => planIndex(value, 'projection_ids'));
  const chosen = projection.length > 0 ? projection.map(position => indexes[position]!) : indexes;
  fields.ignore('table_index', 'arguments', 'original_arguments', 'catalog_name', 'schema_name', 'has_serialize');
  if (name !== 'seq_scan') {
    if (types.length !== 1) throw unsupported(`table function ${name}`, 'read tables of the warehouse only');
    return lowerTableFunction(name, fields, inputs, context, chosen, {name: names[0]!, type: types[0]!});
  }
  const scan = fields.object('function_data', 'scan');
  const [schema, table] = [scan.text('schema'), scan.text('table')];
  scan.ignore('catalog');
  scan.expect('is_index_scan', false);
  scan.expect('is_create_index', false);
  scan.expect('result_ids', 'empty list');
  scan.end();
  fields.expect('projected_input', 'empty list');
  const columnIndexes = chosen.map(index => index === ABSENT_INDEX ? 0 : Number(index));
  const columns = columnIndexes.map((index): PlanColumn => {
    const type = types[index];
    if (type === undefined) throw unsupported(`column ${index} of ${schema}.${table}`);
    return {name: names[index]!, type};
  });
  for (const [i, index] of chosen.entries()) if (index === ABSENT_INDEX) context.phantom(columns[i]!);
  const rowsOnly = chosen.every(index => index === ABSENT_INDEX);
  return ended(fields, {kind: 'get', schema, table, columnIndexes, columns, ...(rowsOnly ? {rowsOnly} : {})});
}

/** `range`, `generate_series` and `unnest` of constants, or of columns of the tables before them, become an unnest. */
function lowerTableFunction(name: string, fields: PlanFields, inputs: readonly unknown[], context: ScanContext, chosen: readonly bigint[], column: PlanColumn): PlanNode {
  if (name !== 'range' && name !== 'generate_series' && name !== 'unnest') throw unsupported(`table function ${name}`, 'read tables of the warehouse only');
  if (chosen.some(index => index !== 0n && index !== ABSENT_INDEX)) throw unsupported(`table function ${name} with columns ${chosen.join(', ')}`);
  fields.expect('named_parameters', 'empty list');
  const argumentCount = fields.list('input_table_types').length;
  fields.ignore('input_table_names');
  const passed = fields.list('projected_input').map(value => planIndex(value, 'projected_input'));
  const parameters = fields.list('parameters').map(lowerValue);
  if (chosen.includes(ABSENT_INDEX)) context.phantom(column);
  const ofLists = listType(column.type);
  const child: PlanNode = inputs.length === 0 ? context.dummy() : context.node(inputs[0]);
  // A lateral call finds its arguments in the first columns below it.
  const args = inputs.length === 0 ? parameters : Array.from({length: argumentCount}, (_, i) => seriesArgument(reference(child, i), column.type));
  const list: Expression = name === 'unnest' ? args[0]! : {kind: 'function', type: ofLists, name, args, infix: false};
  const unnest: PlanNode = {kind: 'unnest', child, expressions: [list], columns: [...child.columns, column]};
  const output = [...chosen.map(() => child.columns.length), ...passed];
  return ended(fields, projected(unnest, output));
}

/** A series of BIGINT takes any integers. */
function seriesArgument(argument: Expression, type: PlanType): Expression {
  return type.kind === 'bigint' && argument.type.kind !== 'bigint' && argument.type.kind !== 'other' && !isNestedPlan(argument.type) ? {kind: 'cast', type, child: argument, try: false} : argument;
}

function lowerColumnIndex(json: unknown): bigint {
  const fields = new PlanFields(json, 'column index');
  fields.expect('child_indexes', 'empty list');
  fields.expect('index_type', 'FULL_READ');
  fields.expect('field', '');
  fields.expect('has_index', true);
  fields.ignore('type');
  const index = planInteger(fields.take('index'), 'column index');
  fields.end();
  return index;
}

/** Filters pushed into a scan, samples and the like are an optimiser's work: an unoptimised plan has none. */
function expectNoScanOptions(fields: PlanFields): void {
  const filters = fields.object('table_filters', 'scan filters');
  filters.expect('filters', 'empty list');
  filters.end();
  const extra = fields.object('extra_info', 'scan');
  extra.expect('file_filters', '');
  if (extra.has('sample_options') && extra.take('sample_options') !== null) throw unsupported('TABLESAMPLE', 'filter by a hash of the key instead');
  extra.ignore('total_files', 'filtered_files');
  extra.end();
}
