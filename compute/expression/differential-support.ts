/**
 * The differential test of compiled expressions: the same SQL expression over the same rows by DuckDB and by generated code,
 * compared bit for bit, rows that raise included (`try(x)` turns a raising row into NULL in both, `try(x IS NULL)` tells the two apart).
 */
import assert from 'node:assert/strict';
import {setFlagsFromString} from 'node:v8';
import {Arena} from '../../base/arena.ts';
import {asI128, asI64, concatColumn, gatherColumn} from '../../base/columns.ts';
import type {BytesColumn, Column} from '../../base/delta.ts';
import {NARROW_BOUND} from '../../base/delta.ts';
import type {LogicalType} from '../../base/type.ts';
import {Kernel} from '../../kernel/duckdb.ts';
import {lowerPlan} from '../../kernel/plan/lower.ts';
import {printType} from '../../kernel/plan/plan-type.ts';
import type {Expression, PlanType} from '../../kernel/plan/tree.ts';
import {mapOperands, operandsOf} from '../../kernel/plan/walk-expression.ts';
import type {Session} from '../../kernel/session.ts';
import type {CompiledProjection} from './compile.ts';
import {ColumnBuffers, ExpressionError, compileExpressions, unsupportedIn} from './compile.ts';
import {edgeColumns, edgeRows} from './differential-tables.ts';
import {narrowForm, twoWords} from './form.ts';

export interface EdgeTable {readonly name: string; readonly columns: Column[]; readonly types: PlanType[]; readonly names: string[]; readonly rowCount: number}

export interface CaseReport {readonly sql: string; readonly distinct: number; readonly nulls: number; readonly raised: number}

/** Cases that are bound, run and compared together. */
const batchCases = 40;

const boolean: PlanType = {kind: 'boolean'};
const varchar: LogicalType = {kind: 'varchar'};

export class Differential implements AsyncDisposable {
  readonly #kernel: Kernel;
  readonly #session: Session;
  readonly tables: EdgeTable[] = [];

  private constructor(kernel: Kernel, session: Session) {
    this.#kernel = kernel;
    this.#session = session;
  }

  /** Opens DuckDB with the edge tables: narrow and wide values, each with and without NULLs. */
  static async open(): Promise<Differential> {
    // Hundreds of loops run a few thousand rows each: optimising them costs more than it gives.
    setFlagsFromString('--no-opt');
    const kernel = await Kernel.open({threads: 1, memoryBytes: 1 << 29});
    const self = new Differential(kernel, await kernel.connect());
    // Its rewrites know ranges of columns, and could drop what raises.
    await self.#session.run('PRAGMA disable_optimizer');
    for (const [wide, nulls] of [[false, false], [false, true], [true, true]] as const) await self.#addTable(wide, nulls);
    return self;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kernel.close();
  }

  async #addTable(wide: boolean, nulls: boolean): Promise<void> {
    const name = `${wide ? 'wide' : 'narrow'}_${nulls ? 'nulls' : 'full'}`;
    const columns = edgeColumns(wide, nulls);
    await this.#session.run(`CREATE TABLE ${name} AS SELECT i::INTEGER AS row_index, ${columns.map((column) => `${column.sql} AS ${column.name}`).join(', ')} FROM range(${edgeRows}) t(i)`);
    const names = ['row_index', ...columns.map((column) => column.name)];
    const tree = await this.#plan(`SELECT * FROM ${name}`);
    const types = tree.map(({type}) => type);
    this.tables.push({name, names, types, rowCount: edgeRows, columns: await this.#columns(names, types, name)});
  }

  /** @returns the projections of a SELECT over one table. */
  async #plan(sql: string): Promise<Expression[]> {
    const {rows} = await this.#session.rows(`SELECT json_serialize_plan('${sql.replaceAll("'", "''")}', optimize := false)`);
    const tree = lowerPlan(String(rows[0]![0]));
    assert.ok(tree.kind === 'project' && tree.child.kind === 'get', `${sql} is no plain projection of a table`);
    const {columnIndexes} = tree.child;
    const moved = (expression: Expression): Expression => moveColumns(expression, columnIndexes);
    return tree.expressions.map(moved);
  }

  async #columns(expressions: readonly string[], types: readonly PlanType[], table: string): Promise<Column[]> {
    const read = types.map((type): LogicalType => (type.kind === 'hugeint' ? varchar : type as LogicalType));
    const list = expressions.map((sql, i) => (types[i]!.kind === 'hugeint' ? `CAST(${sql} AS VARCHAR)` : sql));
    const pieces: {column: Column; rowCount: number}[][] = expressions.map(() => []);
    await using stream = await this.#session.stream(`SELECT ${list.join(', ')} FROM ${table}`, [], {types: read});
    for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) {
      const {columns, rowCount} = chunk;
      columns.forEach((column, i) => pieces[i]!.push({column, rowCount}));
    }
    return pieces.map((parts, i) => {
      const column = concatColumn(read[i]!, parts);
      return types[i]!.kind === 'hugeint' ? hugeColumn(column as BytesColumn, edgeRows) : column;
    });
  }

  /** Checks every expression on every table; all must be compiled. @returns what the tests met, so that they can assert it. */
  async check(sqls: readonly string[], tables: readonly EdgeTable[] = this.tables): Promise<CaseReport[]> {
    const reports: CaseReport[] = [];
    for (let start = 0; start < sqls.length; start += batchCases) reports.push(...await this.#checkBatch(sqls.slice(start, start + batchCases), tables));
    return reports;
  }

  async #checkBatch(sqls: readonly string[], tables: readonly EdgeTable[]): Promise<CaseReport[]> {
    const bare = await this.bind(sqls);
    bare.forEach((expression, i) => assert.equal(unsupportedIn(expression), null, `${sqls[i]} is not compiled`));
    const {types: inputTypes} = this.tables[0]!;
    const tried = bare.map((child): Expression => ({kind: 'try', type: child.type, child}));
    const nullTests = bare.map((child): Expression => ({kind: 'try', type: boolean, child: {kind: 'is-null', type: boolean, child}}));
    const projection = compileExpressions(tried, inputTypes)!;
    const nullProjection = compileExpressions(nullTests, inputTypes)!;
    const exact = bare.some(holdsExact);
    const untried = bare.map((expression) => compileExpressions([expression], inputTypes)!);
    const reports = sqls.map((sql) => ({sql, values: new Set<string | bigint | number>(), nulls: 0, raised: 0}));
    for (const table of tables) {
      // Raising is dear in DuckDB, so each row raises once: here, where it is told from NULL.
      await this.#session.run(`CREATE OR REPLACE TEMP TABLE outcome AS SELECT ${sqls.map((sql, i) => `try((${sql}) IS NULL) AS outcome${i}`).join(', ')} FROM ${table.name}`);
      const expected = await this.#columns([...sqls.map((sql, i) => `CASE WHEN outcome${i} IS NOT NULL THEN ${sql} END`), ...sqls.map((_, i) => `outcome${i}`)],
        [...tried, ...nullTests].map(({type}) => type), `${table.name} POSITIONAL JOIN outcome`);
      // Where values are wide already, or none can be, the two variants are one.
      for (const wide of exact && !table.name.startsWith('wide') ? [false, true] : [false]) {
        const found = projection.evaluate(table.columns, table.rowCount, null, table.rowCount, new ColumnBuffers(new Arena()), {wide});
        sqls.forEach((sql, i) => assertSame(found[i]!, expected[i]!, bare[i]!.type, table, `${sql} on ${table.name}${wide ? ', wide variant' : ''}`));
      }
      const raising = nullProjection.evaluate(table.columns, table.rowCount, null, table.rowCount, new ColumnBuffers(new Arena()));
      sqls.forEach((sql, i) => assertSame(raising[i]!, expected[sqls.length + i]!, boolean, table, `whether it raises: ${sql} on ${table.name}`));
      for (const [i, sql] of sqls.entries()) {
        const report = reports[i]!;
        const raises = expected[sqls.length + i]!.valid;
        const values = comparable(expected[i]!, bare[i]!.type, table.rowCount);
        const calm: number[] = [];
        for (let row = 0; row < table.rowCount; row++) {
          if (raises?.[row] === 0) continue;
          calm.push(row);
          if (expected[i]!.valid?.[row] === 0) report.nulls++;
          else report.values.add(values[row]!);
        }
        const raised = table.rowCount - calm.length;
        if (raised > 0 && report.raised === 0) await this.#checkRaising(sql, untried[i]!, table, calm);
        if (table === tables.at(-1)) this.#checkSelection(sql, bare[i]!, untried[i]!, table, calm, expected[i]!);
        report.raised += raised;
      }
    }
    return reports.map(({sql, values, nulls, raised}) => ({sql, distinct: values.size, nulls, raised}));
  }

  /** Without `try`: the first raising row is named, with DuckDB's message. */
  async #checkRaising(sql: string, projection: CompiledProjection, table: EdgeTable, calm: readonly number[]): Promise<void> {
    const gap = calm.findIndex((row, i) => row !== i);
    const first = gap === -1 ? calm.length : gap;
    let raised: unknown;
    try {
      projection.evaluate(table.columns, table.rowCount, null, table.rowCount, new ColumnBuffers(new Arena()));
    } catch (error) {
      raised = error;
    }
    assert.ok(raised instanceof ExpressionError, `${sql} on ${table.name} raises in row ${first}`);
    assert.equal(raised.rowIndex, first, `${sql} on ${table.name}: the first row that raises`);
    const message = await this.#session.rows(`SELECT ${sql} FROM ${table.name} WHERE row_index = ${first}`)
      .then(() => 'nothing', (error: Error) => error.message.split('\n')[0]!.replace(/ when casting from source column \w+$/, ''));
    if (!/FLOAT|DOUBLE|Could not cast value|Could not convert DATE|Date out of range|can't be cast to the destination type INT64|Date and time not in timestamp range/.test(message)) assert.equal(raised.message, message, `${sql}: the message of row ${first}: expected ${message}, found ${raised.message}`);
    else assert.equal(raised.message.split(':')[0], message.split(':')[0], `${sql}: the kind of the message of row ${first}: ${message}`);
  }

  /** Without `try`: the rows that do not raise, by selection, give their values. */
  #checkSelection(sql: string, expression: Expression, projection: CompiledProjection, table: EdgeTable, calm: readonly number[], expected: Column): void {
    if (calm.length === 0) return;
    const rows = Int32Array.from(calm);
    const [found] = projection.evaluate(table.columns, table.rowCount, rows, rows.length, new ColumnBuffers(new Arena()));
    assertSame(found!, gatherColumn(expected, rows, rows.length), expression.type, {...table, rowCount: rows.length}, `${sql} on ${table.name} by selection`);
  }

  /** @returns the values of a column as texts, for counting. */
  texts(table: EdgeTable, name: string): string[] {
    const index = table.names.indexOf(name);
    const column = table.columns[index]!;
    const values = comparable(column, table.types[index]!, table.rowCount);
    return Array.from({length: table.rowCount}, (_, row) => (column.valid?.[row] === 0 ? 'NULL' : String(values[row])));
  }

  /** @returns the expressions of `sqls` over the tables (all of one shape), as DuckDB binds them. */
  async bind(sqls: readonly string[]): Promise<Expression[]> {
    return this.#plan(`SELECT ${sqls.join(', ')} FROM ${this.tables[0]!.name}`);
  }
}

/**
 * What a list of cases has to show for itself beside being right.
 *
 * @param raisingMin cases of which some row raises. @param constantMax cases that give one value only.
 */
export function assertTelling(reports: readonly CaseReport[], raisingMin: number, constantMax: number): void {
  const raising = reports.filter(({raised}) => raised > 0).length;
  assert.ok(raising >= raisingMin, `${raising} cases raised, expected at least ${raisingMin}`);
  const constant = reports.filter(({distinct}) => distinct < 2).map(({sql}) => sql);
  assert.ok(constant.length <= constantMax, `${constant.length} cases gave one value only, expected at most ${constantMax}: ${constant.join(' · ')}`);
}

/** @returns whether a part of the expression is an exact integer, which the wide variant holds as bigint. */
function holdsExact(expression: Expression): boolean {
  return narrowForm(expression.type) === 'exact' || operandsOf(expression).some(holdsExact);
}

function moveColumns(expression: Expression, columnIndexes: readonly number[]): Expression {
  if (expression.kind === 'column') return {...expression, index: columnIndexes[expression.index]!};
  return mapOperands(expression, (operand) => moveColumns(operand, columnIndexes));
}

/** HUGEINT values from their texts; narrow if all are. */
function hugeColumn(texts: BytesColumn, rowCount: number): Column {
  const decoder = new TextDecoder();
  const data = new BigInt64Array(2 * rowCount);
  let narrow = true;
  for (let i = 0; i < rowCount; i++) {
    if (texts.valid?.[i] === 0) continue;
    const value = BigInt(decoder.decode(texts.arena.view(texts.address[i]!, texts.length[i]!)));
    narrow &&= value <= BigInt(NARROW_BOUND) && value >= -BigInt(NARROW_BOUND);
    data[2 * i] = BigInt.asIntN(64, value);
    data[2 * i + 1] = value >> 64n;
  }
  if (!narrow) return {kind: 'i128', data, valid: texts.valid};
  return {kind: 'f64', data: Float64Array.from({length: rowCount}, (_, i) => Number(data[2 * i])), valid: texts.valid, bound: NARROW_BOUND};
}

const decoder = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});

/**
 * @returns one value a row such that two are equal exactly if the column's values are the same bits (all NaNs alike): texts as
 *   strings, blobs as hex, doubles and 64-bit integers as their bits, 128-bit ones as bigint.
 */
function comparable(column: Column, type: PlanType, rowCount: number): ArrayLike<string | bigint | number> {
  if (column.kind === 'i32') return column.data;
  if (column.kind === 'bytes') {
    return Array.from({length: rowCount}, (_, row) => {
      const bytes = column.arena.view(column.address[row]!, column.length[row]!);
      return type.kind === 'blob' ? Buffer.from(bytes).toString('hex') : decoder.decode(bytes);
    });
  }
  if (type.kind === 'double' || type.kind === 'float') {
    const copy = Float64Array.from(column.data as Float64Array, (value) => (Number.isNaN(value) ? NaN : value));
    return new BigInt64Array(copy.buffer);
  }
  if (!twoWords(type)) return column.kind === 'f64' ? column.data : asI64(column, rowCount);
  if (column.kind === 'f64') return column.data;
  const words = asI128(column, rowCount);
  return Array.from({length: rowCount}, (_, row) => (words[2 * row + 1]! << 64n) | BigInt.asUintN(64, words[2 * row]!));
}

function assertSame(found: Column, expected: Column, type: PlanType, table: EdgeTable, where: string): void {
  const left = comparable(found, type, table.rowCount);
  const right = comparable(expected, type, table.rowCount);
  for (let row = 0; row < table.rowCount; row++) {
    const leftNull = found.valid?.[row] === 0;
    const rightNull = expected.valid?.[row] === 0;
    // Narrow and wide forms of one value are loosely equal: a number and a bigint.
    // oxlint-disable-next-line eqeqeq -- one value may come as number and as bigint: == compares them by value, === never equal
    if (leftNull === rightNull && (leftNull || left[row] === right[row] || (typeof left[row] !== typeof right[row] && left[row] == right[row]))) continue;
    const input = table.names.flatMap((name, i) => (where.includes(name) && table.columns[i] !== undefined ? [`${name}=${valueText(table.columns[i], table.types[i]!, row)}`] : []));
    assert.fail(`${where} (${printType(type)}), row ${row}, ${input.join(' ')}: expected ${valueText(expected, type, row)}, found ${valueText(found, type, row)}`);
  }
  assertClean(found, table.rowCount, where);
}

function valueText(column: Column, type: PlanType, row: number): string {
  if (column.valid?.[row] === 0) return 'NULL';
  if ((type.kind === 'double' || type.kind === 'float') && column.kind === 'f64') return Object.is(column.data[row], -0) ? '-0' : String(column.data[row]);
  return String(comparable(column, type, row + 1)[row]);
}

/** What columns promise beside their values: 0 under NULL, bounds that hold, no −0 among exact integers. */
function assertClean(column: Column, rowCount: number, where: string): void {
  for (let row = 0; row < rowCount; row++) {
    const isNull = column.valid?.[row] === 0;
    if (column.kind === 'f64') {
      const value = column.data[row]!;
      if (isNull) assert.ok(Object.is(value, 0), `${where}: ${value} under a NULL`);
      if (column.bound !== Infinity) assert.ok(Math.abs(value) <= column.bound && !Object.is(value, -0) && Number.isInteger(value), `${where}: ${value} with bound ${column.bound}`);
    } else if (isNull && column.kind === 'i32') assert.equal(column.data[row], 0, `${where}: under a NULL`);
    else if (isNull && column.kind === 'i64') assert.equal(column.data[row], 0n, `${where}: under a NULL`);
    else if (isNull && column.kind === 'bytes') assert.ok(column.address[row] === 0 && column.length[row] === 0, `${where}: under a NULL`);
  }
}
