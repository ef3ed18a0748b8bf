/**
 * A walk through DuckDB's parse tree (`json_serialize_sql`) that meets everything a query can reach: tables, table functions,
 * functions, each with the common table expressions in scope. What it does not know it refuses by name: a node of a newer DuckDB
 * is not let through because nobody looked at it.
 *
 * Scope is DuckDB's (tried): the members of a WITH are seen by those after them and by the query and its subqueries; a member does
 * not see itself, unless it is recursive. A name with a schema is never a common table expression.
 */
import {WarehouseError} from '../base/error.ts';

export type TreeNode = Readonly<Record<string, unknown>>;

export interface TreeVisitor {
  /** A FROM item `[schema.]name`. `cte` says that it names a common table expression in scope. `inShow`: under DESCRIBE or SUMMARIZE. */
  readonly table: (node: TreeNode, cte: boolean, inShow: boolean) => void;
  /** A FROM item `f(…)`. @returns the arguments still to be walked. `cte` tells common table expressions in scope. */
  readonly tableFunction: (node: TreeNode, cte: (name: string) => boolean) => readonly unknown[];
  /** A call of a scalar, aggregate or window function. */
  readonly call: (node: TreeNode) => void;
  /** A (qualified) column name. */
  readonly column: (node: TreeNode) => void;
}

const queryTypes: ReadonlySet<string> = new Set(['SELECT_NODE', 'SET_OPERATION_NODE', 'RECURSIVE_CTE_NODE', 'CTE_NODE']);
const sourceTypes: ReadonlySet<string> = new Set(['BASE_TABLE', 'SUBQUERY', 'JOIN', 'TABLE_FUNCTION', 'EXPRESSION_LIST', 'EMPTY', 'PIVOT', 'SHOW_REF']);
const plainTypes: ReadonlySet<string> = new Set([
  'ORDER_MODIFIER', 'LIMIT_MODIFIER', 'LIMIT_PERCENT_MODIFIER', 'DISTINCT_MODIFIER', 'ORDER_DEFAULT', 'ASCENDING', 'DESCENDING',
]);
const expressionClasses: ReadonlySet<string> = new Set([
  'COLUMN_REF', 'CONSTANT', 'FUNCTION', 'WINDOW', 'OPERATOR', 'CAST', 'COMPARISON', 'CONJUNCTION', 'CASE', 'SUBQUERY', 'STAR', 'PARAMETER', 'LAMBDA', 'LAMBDA_REF', 'BETWEEN', 'COLLATE', 'POSITIONAL_REFERENCE', 'DEFAULT', 'TYPE',
]);
const showTypes: ReadonlySet<unknown> = new Set(['DESCRIBE', 'SUMMARY']);

/** Deeper nesting than this is refused; DuckDB's own limit on expressions is 1,000. */
const depthMax = 2_000;

/** Walks one statement's tree. @throws {WarehouseError} `MR_UNSUPPORTED` for nodes it does not know, `MR_NOT_ALLOWED` for odd names, `MR_TOO_COMPLEX`; what the visitor throws. */
export function walkTree(root: unknown, visitor: TreeVisitor): void {
  walk(root, noNames, false, 0);

  function walk(value: unknown, scope: Scope, inShow: boolean, depth: number): void {
    if (value === null || typeof value !== 'object') return;
    if (depth > depthMax) throw new WarehouseError('invalid', 'MR_TOO_COMPLEX', `expected a query nested at most ${depthMax} levels deep, found a deeper one`, {hint: 'split it, or write long lists as VALUES'});
    if (Array.isArray(value)) {
      for (const item of value) walk(item, scope, inShow, depth + 1);
      return;
    }
    const node = value as TreeNode;
    const {class: expressionClass, type} = node;
    if (typeof expressionClass === 'string') return walkExpression(node, expressionClass, scope, inShow, depth);
    if (typeof type === 'string') {
      if (sourceTypes.has(type)) return walkSource(node, type, scope, inShow, depth);
      if (queryTypes.has(type)) return walkQuery(node, scope, inShow, depth);
      if (!plainTypes.has(type) && !type.endsWith('_TYPE_INFO')) throw unknownNode(type);
    }
    walkFields(node, scope, inShow, depth);
  }

  function walkFields(node: TreeNode, scope: Scope, inShow: boolean, depth: number, except: string = ''): void {
    for (const name in node) if (name !== except) walk(node[name], scope, inShow, depth + 1);
  }

  function walkQuery(node: TreeNode, outer: Scope, inShow: boolean, depth: number): void {
    let scope = outer;
    for (const {key, value} of cteEntries(node)) {
      checkCteName(key);
      const query = field(field(value, 'query'), 'node');
      const recursive = field(query, 'type') === 'RECURSIVE_CTE_NODE';
      const withIt = scope.with(key, recursive);
      walk(value, recursive ? withIt : scope, inShow, depth + 1);
      scope = withIt;
    }
    walkFields(node, scope, inShow, depth, 'cte_map');
  }

  function walkSource(node: TreeNode, type: string, scope: Scope, inShow: boolean, depth: number): void {
    switch (type) {
      case 'BASE_TABLE': {
        const schema = text(node, 'schema_name'), name = text(node, 'table_name');
        const plain = text(node, 'catalog_name') === '' && node['at_clause'] === null;
        const cte = plain && (schema === '' ? scope.has(name) : schema.toLowerCase() === 'recurring' && scope.hasRecursive(name));
        visitor.table(node, cte, inShow);
        return walkFields(node, scope, inShow, depth);
      }
      case 'TABLE_FUNCTION':
        for (const argument of visitor.tableFunction(node, (name) => scope.has(name))) walk(argument, scope, inShow, depth + 2);
        return;
      case 'SHOW_REF':
        if (!showTypes.has(node['show_type']) || node['query'] === null || node['query'] === undefined) {
          throw new WarehouseError('invalid', 'MR_NOT_ALLOWED', 'expected a query, found SHOW inside of one', {hint: 'SHOW TABLES, SHOW SCHEMAS and DESCRIBE t are statements of their own'});
        }
        return walkFields(node, scope, true, depth);
      default: return walkFields(node, scope, inShow, depth);
    }
  }

  function walkExpression(node: TreeNode, expressionClass: string, scope: Scope, inShow: boolean, depth: number): void {
    if (!expressionClasses.has(expressionClass)) throw unknownNode(expressionClass);
    if (expressionClass === 'CONSTANT') return;
    if (expressionClass === 'FUNCTION' || expressionClass === 'WINDOW') visitor.call(node);
    if (expressionClass === 'COLUMN_REF') visitor.column(node);
    walkFields(node, scope, inShow, depth);
  }
}

/** Names of common table expressions; inner ones hide outer ones, which makes no difference here. */
class Scope {
  readonly #names: ReadonlyMap<string, boolean>;

  constructor(names: ReadonlyMap<string, boolean>) {
    this.#names = names;
  }

  has(name: string): boolean {
    return this.#names.has(name.toLowerCase());
  }

  hasRecursive(name: string): boolean {
    return this.#names.get(name.toLowerCase()) === true;
  }

  with(name: string, recursive: boolean): Scope {
    return new Scope(new Map(this.#names).set(name.toLowerCase(), recursive));
  }
}

const noNames = new Scope(new Map());

/**
 * Were a name once judged to be in scope where DuckDB looks further, DuckDB would find a file or a table of its own under it: so
 * no common table expression may be called like one.
 */
function checkCteName(name: string): void {
  const odd = /[/\\.:*?$[\]]|^\s|\s$|^(?:duckdb_|pragma_|sqlite_|pg_|_mr_)/i.exec(name);
  if (odd === null && name !== '') return;
  throw new WarehouseError('invalid', 'MR_NOT_ALLOWED', `expected a plain name in WITH, found "${name}"`, {hint: 'use letters, digits and underscores'});
}

function cteEntries(node: TreeNode): {readonly key: string; readonly value: unknown}[] {
  const map = field(node['cte_map'], 'map');
  if (!Array.isArray(map)) return [];
  return map.map((entry: unknown) => ({key: String(field(entry, 'key')), value: field(entry, 'value')}));
}

/** @returns a field of something that may be an object. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as TreeNode)[name] : undefined;
}

/** @returns a text field; '' when it is absent. */
export function text(node: unknown, name: string): string {
  const value = field(node, name);
  return typeof value === 'string' ? value : '';
}

/**
 * An argument of a table function, taken apart: `f(x)`, `f(name := x)`, `f(name => x)`, and `f(name = x)`, which DuckDB takes for the
 * same.
 */
export function argumentOf(child: TreeNode): {readonly name: string; readonly value: TreeNode} {
  const alias = text(child, 'alias');
  if (alias === '' && child['class'] === 'COMPARISON' && child['type'] === 'COMPARE_EQUAL') {
    const left = child['left'] as TreeNode;
    const names = left['class'] === 'COLUMN_REF' ? (left['column_names'] as string[]) : [];
    if (names.length === 1) return {name: names[0]!.toLowerCase(), value: child['right'] as TreeNode};
  }
  return {name: alias.toLowerCase(), value: child};
}

function unknownNode(type: string): WarehouseError {
  return new WarehouseError('invalid', 'MR_UNSUPPORTED', `${type.toLowerCase().replaceAll('_', ' ')} in a query is not supported in this version`);
}
