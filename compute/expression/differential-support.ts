/**
 * The differential test of compiled expressions: the same SQL expression over the same rows by DuckDB and by generated code,
 * compared bit for bit, rows that raise included (`try(x)` turns a raising row into NULL in both, `try(x IS NULL)` tells the two apart).
 */
import assert from 'node:assert/strict';
import {Arena} from '../../base/arena.ts';
import {asI128, asI64, concatColumn} from '../../base/columns.ts';
import type {BytesColumn, Column} from '../../base/delta.ts';
import {NARROW_BOUND} from '../../base/delta.ts';
import type {LogicalType} from '../../base/type.ts';
import {Kernel} from '../../kernel/duckdb.ts';
import {lowerPlan} from '../../kernel/plan/lower.ts';
import {printType} from '../../kernel/plan/plan-type.ts';
import type {Expression, PlanType} from '../../kernel/plan/tree.ts';
import {mapOperands} from '../../kernel/plan/walk-expression.ts';
import type {Session} from '../../kernel/session.ts';
import {ColumnBuffers, ExpressionError, compileExpressions, unsupportedIn} from './compile.ts';
import {edgeColumns, edgeRows} from './differential-tables.ts';
import {twoWords} from './form.ts';

export interface EdgeTable {readonly name: string; readonly columns: Column[]; readonly types: PlanType[]; readonly names: string[]; readonly rowCount: number}

export interface CaseReport {readonly sql: string; readonly distinct: number; readonly nulls: number; readonly raised: number}

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
    const reports = sqls.map((sql) => ({sql, values: new Set<string>(), nulls: 0, raised: 0}));
    for (const table of tables) {
      const bare = await this.#plan(`SELECT ${sqls.join(', ')} FROM ${table.name}`);
      bare.forEach((expression, i) => assert.equal(unsupportedIn(expression), null, `${sqls[i]} is not compiled`));
      const expected = await this.#columns(sqls.map((sql) => `try(${sql})`), bare.map(({type}) => type), table.name);
      const expectedNull = await this.#columns(sqls.map((sql) => `try((${sql}) IS NULL)`), bare.map(() => ({kind: 'boolean'})), table.name);
      const boolean: PlanType = {kind: 'boolean'};
      const tried: Expression[] = [
        ...bare.map((child): Expression => ({kind: 'try', type: child.type, child})),
        ...bare.map((child): Expression => ({kind: 'try', type: boolean, child: {kind: 'is-null', type: boolean, child}})),
      ];
      const projection = compileExpressions(tried, table.types);
      assert.ok(projection !== null);
      for (const wide of [false, true]) {
        const buffers = new ColumnBuffers(new Arena());
        const found = projection.evaluate(table.columns, table.rowCount, null, table.rowCount, buffers, {wide});
        sqls.forEach((sql, i) => {
          const where = `${sql} on ${table.name}${wide ? ', wide variant' : ''}`;
          assertSame(found[i]!, expected[i]!, bare[i]!.type, table, where);
          assertSame(found[sqls.length + i]!, expectedNull[i]!, boolean, table, `whether a row raises: ${where}`);
        });
      }
      for (const [i, sql] of sqls.entries()) {
        const report = reports[i]!;
        const texts = valueTexts(expected[i]!, bare[i]!.type, table.rowCount);
        const raising: number[] = [];
        texts.forEach((text, row) => {
          if (expectedNull[i]!.valid?.[row] === 0) raising.push(row);
          else if (text === null) report.nulls++;
          else report.values.add(text);
        });
        report.raised += raising.length;
        await this.#checkRaising(sql, bare[i]!, table, raising, expected[i]!);
      }
    }
    return reports.map(({sql, values, nulls, raised}) => ({sql, distinct: values.size, nulls, raised}));
  }

  /** Without `try`: the first raising row is named, with DuckDB's message; the other rows, by selection, give their values. */
  async #checkRaising(sql: string, expression: Expression, table: EdgeTable, raising: readonly number[], expected: Column): Promise<void> {
    const projection = compileExpressions([expression], table.types);
    assert.ok(projection !== null);
    const buffers = new ColumnBuffers(new Arena());
    const [first] = raising;
    if (first !== undefined) {
      let raised: unknown;
      try {
        projection.evaluate(table.columns, table.rowCount, null, table.rowCount, buffers);
      } catch (error) {
        raised = error;
      }
      assert.ok(raised instanceof ExpressionError, `${sql} on ${table.name} raises in row ${first}`);
      assert.equal(raised.rowIndex, first, `${sql} on ${table.name}: the first row that raises`);
      const message = await this.#session.rows(`SELECT ${sql} FROM ${table.name} WHERE row_index = ${first}`).then(() => 'nothing', (error: Error) => error.message.split('\n')[0]!.replace(/ when casting from source column \w+$/, ''));
      if (!/(?:FLOAT|DOUBLE|Could not cast value)/.test(message)) assert.equal(raised.message, message, `${sql}: the message of row ${first}`);
      else assert.equal(raised.message.split(':')[0], message.split(':')[0], `${sql}: the kind of the message of row ${first}`);
    }
    const bad = new Set(raising);
    const rows = Int32Array.from(Array.from({length: table.rowCount}, (_, row) => row).filter((row) => !bad.has(row)));
    if (rows.length === 0) return;
    const [found] = projection.evaluate(table.columns, table.rowCount, rows, rows.length, buffers);
    const values = valueTexts(found!, expression.type, rows.length);
    const all = valueTexts(expected, expression.type, table.rowCount);
    rows.forEach((row, i) => assert.equal(values[i], all[row], `${sql} on ${table.name} by selection, row ${row}`));
  }

  /** @returns the expressions of `sqls` over the first table, as DuckDB binds them. */
  async bind(sqls: readonly string[]): Promise<Expression[]> {
    return this.#plan(`SELECT ${sqls.join(', ')} FROM ${this.tables[0]!.name}`);
  }
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

const bits = new Float64Array(1);
const bitWord = new BigInt64Array(bits.buffer);
const decoder = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});

/** @returns each value as a text that is equal exactly if the values are the same bits (all NaNs alike); null for NULL. */
export function valueTexts(column: Column, type: PlanType, rowCount: number): (string | null)[] {
  const wide = column.kind === 'i32' || column.kind === 'bytes' || type.kind === 'double' || type.kind === 'float' ? null : twoWords(type) ? asI128(column, rowCount) : asI64(column, rowCount);
  return Array.from({length: rowCount}, (_, row) => {
    if (column.valid?.[row] === 0) return null;
    switch (column.kind) {
      case 'i32': return String(column.data[row]!);
      case 'bytes': {
        const bytes = column.arena.view(column.address[row]!, column.length[row]!);
        return type.kind === 'blob' ? Buffer.from(bytes).toString('hex') : decoder.decode(bytes);
      }
      default:
        if (wide === null) {
          bits[0] = (column as {data: Float64Array}).data[row]!;
          return Number.isNaN(bits[0]) ? 'NaN' : bitWord[0]!.toString(16);
        }
        return String(twoWords(type) ? (wide[2 * row + 1]! << 64n) | BigInt.asUintN(64, wide[2 * row]!) : wide[row]!);
    }
  });
}

function assertSame(found: Column, expected: Column, type: PlanType, table: EdgeTable, where: string): void {
  const foundTexts = valueTexts(found, type, table.rowCount);
  const expectedTexts = valueTexts(expected, type, table.rowCount);
  for (let row = 0; row < table.rowCount; row++) {
    if (foundTexts[row] === expectedTexts[row]) continue;
    const input = table.names.map((name, i) => [name, where.includes(name) ? valueTexts(table.columns[i]!, table.types[i]!, table.rowCount)[row] : undefined] as const)
      .filter(([, value]) => value !== undefined).map(([name, value]) => `${name}=${value ?? 'NULL'}`).join(' ');
    assert.fail(`${where} (${printType(type)}), row ${row}, ${input}: expected ${expectedTexts[row] ?? 'NULL'}, found ${foundTexts[row] ?? 'NULL'}`);
  }
  assertClean(found, table.rowCount, where);
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
