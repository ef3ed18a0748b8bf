/**
 * Operator tree → SQL that DuckDB executes with equal rows and types, one step per operator:
 *
 *   WITH s1 AS (SELECT f.id AS x1, a.city AS x2 FROM ods.flights AS f LEFT JOIN ods.airports AS a ON f.origin = a.iata),
 *        s2 AS (SELECT * FROM s1 WHERE s1.x2 IS NOT NULL)
 *   SELECT s2.x1 AS id, s2.x2 AS city FROM s2
 *
 * Columns of a step are x1, x2 … by position; tables stand directly in the FROM of the step that reads them; the last operator is
 * the SELECT itself, with the names asked for. Any subtree can be printed, and any table replaced by another relation.
 */
import {InvariantError, invariant, unreachable} from '../../base/invariant.ts';
import {printJoin, type JoinText} from './print-join.ts';
import {printAggregate, printExpression, printKey, printSortKeys, printWindow} from './print-expression.ts';
import {printName} from './print-name.ts';
import {printType} from './plan-type.ts';
import {numbered, refs, renamed, tableSource, type Source} from './print-source.ts';
import type {PlanNode} from './tree.ts';

export {printAggregate, printExpression, printSortKeys, printWindow, type ColumnRef} from './print-expression.ts';
export {printType} from './plan-type.ts';

export type GetNode = Extract<PlanNode, {kind: 'get'}>;

export interface PrintOptions {
  /**
   * @returns SQL of the relation that stands for a table: a SELECT, or what may follow FROM. Its columns are found by name (those
   *   of the get node's `columns`), so it may have more of them and in any order. Undefined leaves the table itself.
   */
  readonly leaf?: ((get: GetNode) => string | undefined) | undefined;
  /** Output column names; those of the root by default. */
  readonly names?: readonly string[] | undefined;
}

/** @throws {WarehouseError} `MR_PLAN_UNSUPPORTED` where an expression has no SQL text. */
export function printTree(node: PlanNode, options: PrintOptions = {}): string {
  const names = options.names ?? node.columns.map(column => column.name);
  invariant(names.length === node.columns.length, () => `${names.length} names for ${node.columns.length} columns`);
  const printer = new TreePrinter(options);
  const select = printer.select(node, names);
  return printer.steps.length === 0 ? select : `WITH ${printer.steps.join(',\n     ')}\n${select}`;
}

class TreePrinter {
  /** Texts of the steps so far, in the order in which they depend on each other. */
  readonly steps: string[] = [];
  readonly #options: PrintOptions;
  readonly #ctes = new Map<number, Source>();
  readonly #delims = new Map<number, Source>();

  constructor(options: PrintOptions) {
    this.#options = options;
  }

  /** @returns the SELECT of `node`; its columns are named by `names`, or x1, x2 … if null. */
  select(node: PlanNode, names: readonly string[] | null): string {
    const as = (texts: readonly string[]): string => texts.length === 0 ? 'NULL AS x0'
      : texts.map((text, i) => `${text} AS ${names === null ? `x${i + 1}` : printName(names[i]!)}`).join(', ');
    // `*` keeps the names of a step; a named output has to be written out.
    const all = (source: Source): string => names === null && source.stepped ? '*' : as(refs(source));
    const more = (source: Source, texts: readonly string[]): string =>
      names === null && source.stepped && source.columnCount > 0 ? [`${source.alias}.*`, ...texts.map((text, i) => `${text} AS x${source.columnCount + i + 1}`)].join(', ') : as([...refs(source), ...texts]);
    switch (node.kind) {
      case 'project': {
        if (node.child.kind === 'dummy') return `SELECT ${as(node.expressions.map(expression => printExpression(expression, noColumn)))}`;
        const from = this.source(node.child);
        return `SELECT ${as(node.expressions.map(expression => printExpression(expression, from.ref)))} FROM ${from.text}`;
      }
      case 'filter': {
        const from = this.source(node.child);
        return `SELECT ${all(from)} FROM ${from.text} WHERE ${printExpression(node.predicate, from.ref)}`;
      }
      case 'aggregate': return this.#aggregate(node, as);
      case 'join': return this.#join(node, as, null);
      case 'delim-join': {
        const left = this.source(node.joined.kind === 'join' ? node.joined.left : node.joined, true);
        invariant(node.joined.kind === 'join', () => `delim-join over ${node.joined.kind}`);
        this.#delims.set(node.id, this.#step(`SELECT DISTINCT ${numbered(node.keys.map(key => printExpression(key, left.ref)))} FROM ${left.text}`, node.keys.length));
        return this.#join(node.joined, as, left);
      }
      case 'cross-product': {
        const [left, right] = this.#pair(this.source(node.left), this.source(node.right));
        return `SELECT ${as([...refs(left), ...refs(right)])} FROM ${left.text} CROSS JOIN ${right.text}`;
      }
      case 'window': {
        const from = this.source(node.child);
        return `SELECT ${more(from, node.calls.map(call => printWindow(call, from.ref)))} FROM ${from.text}`;
      }
      case 'unnest': {
        const from = this.source(node.child);
        return `SELECT ${more(from, node.expressions.map(expression => `unnest(${printExpression(expression, from.ref)})`))} FROM ${from.text}`;
      }
      case 'distinct': {
        const from = this.source(node.child);
        if (node.on === null) return `SELECT DISTINCT ${all(from)} FROM ${from.text}`;
        return `SELECT DISTINCT ON (${node.on.map(on => printKey(on, from.ref)).join(', ')}) ${all(from)} FROM ${from.text} ORDER BY ${printSortKeys(node.orderBy, from.ref)}`;
      }
      case 'order': {
        const from = this.source(node.child);
        return `SELECT ${all(from)} FROM ${from.text} ORDER BY ${printSortKeys(node.keys, from.ref)}`;
      }
      case 'limit': return this.#limit(node, all);
      case 'union': case 'except': case 'intersect': {
        const word = ` ${node.kind.toUpperCase()}${node.all ? ' ALL' : ''} `;
        return node.children.map((child, i) => {
          const from = this.source(child);
          return `SELECT ${i === 0 ? all(from) : from.stepped ? '*' : as(refs(from))} FROM ${from.text}`;
        }).join(word);
      }
      case 'cte':
        this.#ctes.set(node.id, this.source(node.definition));
        return this.select(node.body, names);
      case 'get': case 'cte-ref': case 'delim-get': {
        const from = this.source(node);
        return `SELECT ${all(from)} FROM ${from.text}`;
      }
      case 'values': {
        const rows = node.rows.map(row => `(${row.map(expression => printExpression(expression, noColumn)).join(', ')})`);
        const from = `(VALUES ${rows.join(', ')}) AS v(${node.columns.map((_, i) => `x${i + 1}`).join(', ')})`;
        return names === null ? `SELECT * FROM ${from}` : `SELECT ${as(node.columns.map((_, i) => `v.x${i + 1}`))} FROM ${from}`;
      }
      case 'empty': return `SELECT ${as(node.columns.map(column => `CAST(NULL AS ${printType(column.type)})`))} WHERE false`;
      case 'dummy': return `SELECT ${as(['CAST(NULL AS INTEGER)'])}`;
      default: return unreachable(node);
    }
  }

  /** @returns `node` as something to select from: tables as they are, everything else as a step of its own. */
  source(node: PlanNode, materialized = false): Source {
    switch (node.kind) {
      case 'get': return this.#table(node);
      case 'cte-ref': return found(this.#ctes.get(node.id), `WITH ${node.id}`);
      case 'delim-get': return found(this.#delims.get(node.id), `delim join ${node.id}`);
      default: return this.#step(this.select(node, null), node.columns.length, materialized);
    }
  }

  #step(select: string, columnCount: number, materialized = false): Source {
    const name = `s${this.steps.length + 1}`;
    this.steps.push(`${name} AS ${materialized ? 'MATERIALIZED ' : ''}(${select})`);
    return {text: name, alias: name, ref: index => `${name}.x${index + 1}`, columnCount, stepped: true};
  }

  #table(node: GetNode): Source {
    const replaced = this.#options.leaf?.(node);
    const relation = replaced === undefined ? `${printName(node.schema)}.${printName(node.table)}` : /^\s*(?:SELECT|WITH|FROM|VALUES)\b/i.test(replaced) ? `(${replaced})` : replaced;
    const letter = /^[a-z]/i.exec(node.table)?.[0].toLowerCase() ?? 't';
    return tableSource(relation, letter, node.columns.map(column => printName(column.name)));
  }

  #pair(left: Source, right: Source): [Source, Source] {
    if (left.alias !== right.alias) return [left, right];
    return [left, renamed(right, `${right.alias}_2`)];
  }

  #join(node: Extract<PlanNode, {kind: 'join'}>, as: (texts: readonly string[]) => string, leftSource: Source | null): string {
    const [left, right] = this.#pair(leftSource ?? this.source(node.left), this.source(node.right));
    const step = (select: string, columnCount: number): Source => this.#step(select, columnCount);
    const {columns, from}: JoinText = printJoin(node, left, right, step);
    return `SELECT ${as(columns)} FROM ${from}`;
  }

  #aggregate(node: Extract<PlanNode, {kind: 'aggregate'}>, as: (texts: readonly string[]) => string): string {
    const input = this.source(node.child);
    const keys = node.groups.map(group => printKey(group, input.ref));
    // Two equal keys would be one key to DuckDB, but of two grouping sets each may have its own.
    const copies = node.groupingSets === null || new Set(keys).size === keys.length ? [] : keys;
    const from = copies.length === 0 ? input : this.#step(`SELECT ${numbered([...refs(input), ...copies])} FROM ${input.text}`, input.columnCount + copies.length);
    const groups = copies.length === 0 ? keys : keys.map((_, i) => from.ref(input.columnCount + i));
    const set = (positions: readonly number[]): string => positions.map(position => groups[position]!).join(', ');
    const texts = [...groups, ...node.aggregates.map(call => printAggregate(call, from.ref)), ...node.groupingFunctions.map(positions => `grouping(${set(positions)})`)];
    const by = node.groupingSets !== null ? ` GROUP BY GROUPING SETS (${node.groupingSets.map(positions => `(${set(positions)})`).join(', ')})`
      : groups.length > 0 ? ` GROUP BY ${groups.join(', ')}` : '';
    // Without groups it is one row even of no rows; an aggregate in the list makes it so.
    return `SELECT ${texts.length === 0 ? 'count(*) AS x0' : as(texts)} FROM ${from.text}${by}`;
  }

  /** An order right below belongs into the same SELECT: between two of them it would mean nothing. */
  #limit(node: Extract<PlanNode, {kind: 'limit'}>, all: (source: Source) => string): string {
    const {child} = node;
    const from = this.source(child.kind === 'order' ? child.child : child);
    const order = child.kind === 'order' ? ` ORDER BY ${printSortKeys(child.keys, from.ref)}` : '';
    return `SELECT ${all(from)} FROM ${from.text}${order}${node.limit === null ? '' : ` LIMIT ${node.limit}`}${node.offset === 0 ? '' : ` OFFSET ${node.offset}`}`;
  }
}

function found(source: Source | undefined, what: string): Source {
  invariant(source !== undefined, () => `${what} is read where it is not defined`);
  return source;
}

function noColumn(index: number): string {
  throw new InvariantError(`column ${index} of no input`);
}
