/**
 * Rows of operators as DuckDB reads and answers them. A relation has columns c0, c1 … of stored types; a plan's leaf over it casts
 * back what a stored type only holds (HUGEINT). Statements of operators run one at a time in the session they are given.
 */
import type {Column, Delta} from '../../base/delta.ts';
import {concatColumn} from '../../base/columns.ts';
import type {LogicalType} from '../../base/type.ts';
import {typeText} from '../../base/type.ts';
import type {GetNode} from '../../kernel/plan/print.ts';
import {printTree} from '../../kernel/plan/print.ts';
import type {Expression, PlanColumn, PlanNode, PlanType} from '../../kernel/plan/tree.ts';
import type {RelationColumn, RelationRows, RelationSource} from '../../kernel/relation.ts';
import {relationOf} from '../../kernel/relation.ts';
import type {Session} from '../../kernel/session.ts';
import {emptyDelta} from '../delta-tools.ts';
import {heldType} from '../stored-type.ts';

/** The schema under which leaves stand for relations in plans that are printed here; no table of a user is in it. */
const relationSchema = '_mr_rows';
const integer: LogicalType = {kind: 'integer'};

/** @returns rows as a relation. One without columns gets one, so that its rows can be counted. */
export function relationOfRows(columns: readonly Column[], rowCount: number, shape: readonly PlanColumn[]): RelationSource {
  if (shape.length > 0) return relationOf(columns, rowCount, relationShape(shape));
  return relationOf([{kind: 'i32', data: new Int32Array(rowCount), valid: null}], rowCount, [{name: 'c', type: integer}]);
}

/** @returns names and stored types of a relation with these columns. */
function relationShape(columns: readonly PlanColumn[]): RelationColumn[] {
  return columns.map(({type}, index) => ({name: `c${index}`, type: heldType(type)}));
}

/** @returns a leaf for a plan: the relation bound to `name`, whose columns are `columns`. */
export function relationLeaf(name: string, columns: readonly PlanColumn[]): PlanNode {
  return {kind: 'get', schema: relationSchema, table: name, columnIndexes: columns.map((_, index) => index), columns: columns.map(({type}, index) => ({name: `c${index}`, type}))};
}

/** @returns the plan as SQL with output columns c0, c1 … of stored types. @param ordered rows of leaves come in one fixed order. */
export function relationSql(tree: PlanNode, ordered: boolean): string {
  const leaf = (get: GetNode): string | undefined => {
    if (get.schema !== relationSchema) return undefined;
    const columns = get.columns.map(({name, type}) => (type.kind === 'hugeint' ? `CAST(${name} AS HUGEINT) AS ${name}` : name));
    return `SELECT ${columns.length === 0 ? 'c' : columns.join(', ')} FROM mr_rows('${get.table}')${ordered ? ' ORDER BY ALL' : ''}`;
  };
  const names = tree.columns.map((_, index) => `c${index}`);
  const plain = printTree(tree, {leaf, names});
  if (!tree.columns.some(({type}) => type.kind === 'hugeint')) return plain;
  return `SELECT ${tree.columns.map(({type}, index) => (type.kind === 'hugeint' ? `CAST(c${index} AS ${typeText(heldType(type))}) AS c${index}` : `c${index}`)).join(', ')} FROM (${plain})`;
}

/** The column of weights beside a relation's own. */
export function weightColumn(index: number): PlanColumn {
  return {name: `c${index}`, type: integer};
}

export function weightExpression(index: number): Expression {
  return {kind: 'column', index, type: integer as PlanType};
}

/** @returns a delta's rows and their weights as a relation. */
export function weightedRelation(delta: Delta, columns: readonly PlanColumn[]): RelationSource {
  const weights: Column = {kind: 'i32', data: delta.weights, valid: null};
  return relationOf([...delta.columns, weights], delta.rowCount, relationShape([...columns, weightColumn(columns.length)]));
}

/** @returns chunks of rows as a relation that is read as it is asked for. @param open starts at the first chunk. */
export function relationOfChunks(open: () => Iterator<{readonly columns: readonly Column[]; readonly rowCount: number}>, shape: readonly PlanColumn[]): RelationSource {
  const columns = shape.length > 0 ? relationShape(shape) : [{name: 'c', type: integer}];
  return {
    columns,
    open() {
      const chunks = open();
      let current: RelationRows | null = null;
      return {
        next(maxRows) {
          while (current === null || current.rowCount === 0) {
            const chunk = chunks.next();
            if (chunk.done === true) return null;
            const {rowCount} = chunk.value;
            current = {columns: shape.length > 0 ? chunk.value.columns : [{kind: 'i32', data: new Int32Array(rowCount), valid: null}], start: 0, rowCount};
          }
          const rows = {columns: current.columns, start: current.start, rowCount: Math.min(maxRows, current.rowCount)};
          current = {columns: current.columns, start: rows.start + rows.rowCount, rowCount: current.rowCount - rows.rowCount};
          return rows;
        },
      };
    },
  };
}

/** @returns the answer of a statement as columns of `types`, in chunks. */
export async function answers(session: Session, sql: string, types: readonly LogicalType[]): Promise<{readonly columns: Column[]; readonly rowCount: number}[]> {
  const stream = await session.stream(sql, [], {types});
  const chunks: {rowCount: number; columns: Column[]}[] = [];
  try {
    for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) chunks.push(chunk);
  } finally {
    await stream.close();
  }
  return chunks;
}

/** @returns a statement's answer whose last column is the weight. */
export async function deltaOf(session: Session, sql: string, types: readonly LogicalType[]): Promise<Delta> {
  const chunks = await answers(session, sql, [...types, integer]);
  const rowCount = chunks.reduce((sum, chunk) => sum + chunk.rowCount, 0);
  if (rowCount === 0) return emptyDelta(types);
  const columns = [...types, integer].map((type, index) => concatColumn(type, chunks.map((chunk) => ({column: chunk.columns[index]!, rowCount: chunk.rowCount}))));
  const weights = columns.pop();
  if (weights?.kind !== 'i32') throw new TypeError('weights are integers');
  return {rowCount, weights: weights.data, columns};
}

let relations = 0;

/** @returns a name for a relation that no other operator has. */
export function relationName(what: string): string {
  return `${what}${++relations}`;
}
