/** Judges what the walk of a query's tree meets: tables are resolved, functions are on their lists, files lie where they may. */
import type {TextEdits} from './gate-edits.ts';
import {refusedPath} from './gate-files.ts';
import {engineSchemas, fileFunctions, pureTableFunctions, refusedFunction, tableSystemFunctions, unsupportedSystemFunctions, unsupportedWindowFunctions, windowFunctions} from './gate-functions.ts';
import type {Refusals} from './gate-refusal.ts';
import type {GateTables} from './gate-tables.ts';
import {argumentOf, field, text, type TreeNode, type TreeVisitor} from './gate-tree.ts';
import type {EpochBound, GateReference} from './gate-types.ts';

export class GateJudge implements TreeVisitor {
  readonly files: string[] = [];
  /** A parameter went out of the text with the call that it was given to. */
  parameterTaken = false;
  readonly #tables: GateTables;
  readonly #edits: TextEdits;
  readonly #refuse: Refusals;
  readonly #allowedDirectories: readonly string[];

  constructor(tables: GateTables, edits: TextEdits, refuse: Refusals, allowedDirectories: readonly string[]) {
    this.#tables = tables;
    this.#edits = edits;
    this.#refuse = refuse;
    this.#allowedDirectories = allowedDirectories;
  }

  table(node: TreeNode, cte: boolean, inShow: boolean): void {
    this.#tables.visit(node, cte, inShow);
  }

  column(node: TreeNode): void {
    this.#tables.noteColumn(node);
  }

  call(node: TreeNode): void {
    const name = text(node, 'function_name'), at = this.#edits.tokenAt(node);
    const why = refusedFunction(name);
    if (why !== undefined) throw this.#refuse.notAllowed(`the function ${name}(…), which ${why},`, at);
    // `name.upper()` and `t.name.upper()` are calls upon columns: what stands before need not be a schema.
    const schema = text(node, 'schema'), catalog = text(node, 'catalog');
    if (engineSchemas.has(schema.toLowerCase()) || (engineSchemas.has(catalog.toLowerCase()) && !(catalog.toLowerCase() === 'system' && schema.toLowerCase() === 'main'))) {
      throw this.#refuse.notAllowed(`${[catalog, schema, name].filter((part) => part !== '').join('.')}(…)`, at, 'write the function without schema');
    }
  }

  tableFunction(node: TreeNode, isCte: (name: string) => boolean): readonly unknown[] {
    const call = node['function'] as TreeNode;
    const name = text(call, 'function_name').toLowerCase(), at = this.#edits.tokenAt(node);
    const children = call['children'] as TreeNode[];
    this.#tables.noteSource(text(node, 'alias') === '' ? name : text(node, 'alias'));
    this.#requireBuiltin(call, at);
    if (tableSystemFunctions.has(name)) {
      this.#systemFunction(node, name as 'changes' | 'changelog' | 'rejected', children, at);
      return [];
    }
    if (unsupportedSystemFunctions.has(name) || unsupportedWindowFunctions.has(name)) throw this.#refuse.unsupported(`${name}(…)`, at);
    const others = Object.entries(call).flatMap(([part, value]) => (part === 'children' ? [] : [value]));
    if (pureTableFunctions.has(name)) return [...children, ...others];
    if (windowFunctions.has(name)) {
      const table = children.find((child) => text(child, 'alias').toLowerCase() === 't') ?? children.find((child) => text(child, 'alias') === '');
      // `t = x` may be taken for `t := x`, past the check of the name; no argument is a comparison.
      if (table === undefined || children.some((child) => child['class'] === 'COMPARISON')) {
        throw this.#refuse.syntax(`a table, a time and a size in ${name}(…)`, at, 'write TUMBLE(t, ts, INTERVAL 1 MINUTE)');
      }
      const rest = children.filter((child) => child !== table);
      this.#tables.visitArgument(table, children, isCte, at);
      return [...rest, ...others];
    }
    const options = fileFunctions.get(name);
    if (options !== undefined) {
      this.#fileFunction(name, children, options, at);
      return [...children, ...others];
    }
    throw this.#refuse.notAllowed(`the table function ${name}(…)`, at, `allowed are ${[...pureTableFunctions, ...windowFunctions, ...tableSystemFunctions].join(', ')}, and read_csv, read_json, read_parquet of allowed files`);
  }

  /** `changes(t, since => n, until => m)`, `changelog(t)`, `rejected(t)`. */
  #systemFunction(node: TreeNode, kind: 'changes' | 'changelog' | 'rejected', children: readonly TreeNode[], at: number): void {
    const [target, ...rest] = children;
    if (target === undefined || text(target, 'alias') !== '') throw this.#refuse.syntax(`a table as the first argument of ${kind}(…)`, at);
    const bounds: {since?: EpochBound; until?: EpochBound} = {};
    for (const {name: bound, value} of rest.map(argumentOf)) {
      if (kind !== 'changes' || (bound !== 'since' && bound !== 'until') || bound in bounds) {
        throw this.#refuse.syntax(kind === 'changes' ? 'since => n and until => m, each at most once, after the table of changes(…)' : `one argument of ${kind}(…)`, at);
      }
      bounds[bound] = this.#bound(bound, value, at);
    }
    if (text(node, 'with_ordinality') !== 'WITHOUT_ORDINALITY') throw this.#refuse.unsupported(`${kind}(…) WITH ORDINALITY`, at);
    const names = this.#tables.namesOf(target, at);
    const alias = text(node, 'alias');
    const reference: GateReference = {kind, schema: names.length === 2 ? names[0] : undefined, name: names.at(-1)!, alias: alias === '' ? undefined : alias, ...bounds};
    this.#tables.visitCall(node, kind, reference, at);
  }

  #bound(bound: string, argument: TreeNode, at: number): EpochBound {
    if (argument['class'] === 'PARAMETER') {
      this.parameterTaken = true;
      const identifier = text(argument, 'identifier');
      return {parameter: /^\d+$/.test(identifier) ? Number(identifier) : identifier};
    }
    const constant = argument['class'] === 'CONSTANT' ? argument['value'] : undefined;
    const type = field(field(constant, 'type'), 'id'), value = field(constant, 'value');
    // The value of a DECIMAL is unscaled here: 1.5 would read 15.
    if ((type === 'INTEGER' || type === 'BIGINT') && typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.#refuse.syntax(`an epoch number for ${bound} of changes(…)`, at, 'write a whole number or a parameter');
  }

  #fileFunction(name: string, children: readonly TreeNode[], options: ReadonlySet<string>, at: number): void {
    const [first, ...rest] = children;
    if (first === undefined || argumentOf(first).name !== '') throw this.#refuse.syntax(`a path as the first argument of ${name}(…)`, at);
    for (const path of this.#paths(first, name, at)) {
      const refusal = refusedPath(path, this.#allowedDirectories);
      if (refusal !== undefined) throw this.#refuse.notAllowed(`the file "${path}"`, at, `it ${refusal}`);
      this.files.push(path);
    }
    for (const {name: option} of rest.map(argumentOf)) {
      if (!options.has(option)) throw this.#refuse.notAllowed(option === '' ? `a second path of ${name}` : `option "${option}" of ${name}`, at, option === '' ? `write a list: ${name}(['a', 'b'])` : 'leave it out');
    }
  }

  /** A text, or a list of texts. Anything computed could be anything. */
  #paths(argument: TreeNode, name: string, at: number): string[] {
    const items = argument['class'] === 'FUNCTION' && text(argument, 'function_name') === 'list_value' ? (argument['children'] as readonly TreeNode[]) : [argument];
    return items.map((item) => {
      const value = item['class'] === 'CONSTANT' ? field(item['value'], 'value') : undefined;
      if (typeof value !== 'string') throw this.#refuse.notAllowed(`a computed path in ${name}(…)`, at, 'write the path as a text in quotes, or a list of such');
      return value;
    });
  }

  /** Table functions live in main (and system.main): another schema in front is a way around the lists, or a mistake. */
  #requireBuiltin(call: TreeNode, at: number): void {
    const schema = text(call, 'schema').toLowerCase(), catalog = text(call, 'catalog').toLowerCase();
    if ((schema === '' || schema === 'main') && (catalog === '' || catalog === 'system')) return;
    throw this.#refuse.notAllowed(`a function of another schema ("${schema}")`, at, 'write the function without schema');
  }
}
