/**
 * The tables of a query: each name is resolved by the caller. Where something else is to be read, the text is edited and the tree
 * changed to say the same; the table keeps the name under which the rest of the query knows it.
 */
import {WarehouseError} from '../base/error.ts';
import {tokenize} from '../kernel/statement/lexer.ts';
import {findAt} from './gate-at.ts';
import {asAlias, type TextEdits} from './gate-edits.ts';
import {engineSchemas} from './gate-functions.ts';
import type {Tree} from './gate-parse.ts';
import type {Refusals} from './gate-refusal.ts';
import {field, text, type TreeNode} from './gate-tree.ts';
import type {GateContext, GateReference, GateReferenceKind, Resolution} from './gate-types.ts';

/** Suffixes of system tables, as in `t$rejected`. */
const suffixKinds: ReadonlyMap<string, GateReferenceKind> = new Map((['rejected', 'changelog', 'snapshots', 'files', 'schemas', 'tags', 'options'] as const).map((kind) => [kind, kind]));

/** The engine's own tables: known so that the message can say more than that they do not exist. */
const engineName = /^(?:duckdb_|pragma_|sqlite_|pg_)/i;

export class GateTables {
  readonly references: GateReference[] = [];
  /** A parameter went out of the text with the AT that it was given to. */
  parameterTaken = false;
  readonly #edits: TextEdits;
  readonly #refuse: Refusals;
  readonly #resolve: GateContext['resolve'];
  /** Token of a name → what it resolved to: the tree may hold one piece of text twice. */
  readonly #resolved = new Map<number, {readonly resolution: Exclude<Resolution, {unknown: true}>; readonly standIn: string}>();
  /** Names that FROM items have, and columns with two or more names in front. */
  readonly #sourceNames = new Set<string>();
  readonly #columns: Tree[] = [];
  /** Replaced tables without an alias of the user's: columns may name them with their schema. */
  readonly #renamed: {readonly schema: string; readonly name: string}[] = [];
  readonly #treeChanges: (() => void)[] = [];

  constructor(edits: TextEdits, refuse: Refusals, resolve: GateContext['resolve']) {
    this.#edits = edits;
    this.#refuse = refuse;
    this.#resolve = resolve;
  }

  /** A FROM item by name. */
  visit(node: TreeNode, cte: boolean, inShow: boolean): void {
    const catalog = text(node, 'catalog_name'), schema = text(node, 'schema_name'), name = text(node, 'table_name'), alias = text(node, 'alias');
    this.noteSource(alias === '' ? name : alias);
    if (cte) return;
    const at = this.#edits.tokenAt(node);
    if (catalog !== '') throw this.#refuse.notAllowed(`"${catalog}.${schema}.${name}"`, at, 'a warehouse has no databases above its schemas: write schema.table');
    const moment = node['at_clause'] === null ? undefined : findAt(node['at_clause'] as TreeNode, this.#edits, this.#refuse, at, alias);
    const named = this.#named(schema === '' ? [name] : [schema, name], alias, at);
    if (moment !== undefined && named.kind !== 'table') throw this.#refuse.unsupported(`AT of "${name}"`, at, 'changes(t, since => n, until => m) reads a range of epochs');
    const {resolution, standIn} = this.#reference(moment === undefined ? named : {...named, at: moment.clause}, at);
    if (resolution === 'as-written') return;
    const {tokens} = this.#edits;
    const keyword = tokens.isWord(at - 1, 'TABLE') ? 1 : 0; // TABLE t
    const shown = inShow && ['DESCRIBE', 'DESC', 'SUMMARIZE'].some((word) => tokens.isWord(at - 1, word)); // takes a name alone, or FROM anything
    const before = keyword === 1 ? 'SELECT * FROM ' : shown ? 'FROM ' : '';
    const after = alias === '' ? asAlias(name) : '';
    if (moment !== undefined) {
      if (moment.clause.parameters.length > 0) this.parameterTaken = true;
      this.#edits.replace(moment.first, moment.end, '', '');
      this.#treeChanges.push(() => Object.assign(node, {at_clause: null}));
    }
    this.#edits.replace(at - keyword, this.#edits.nameEnd(at), `${before}${standIn}${after}`, `${before}${resolution.relation}${after}`);
    this.#treeChanges.push(() => Object.assign(node, {schema_name: '', table_name: standIn, alias: alias === '' ? name : alias}));
    if (alias === '') this.#renamed.push({schema: schema === '' ? 'main' : schema.toLowerCase(), name: name.toLowerCase()});
  }

  /** An argument that names a table, of a table macro; `siblings` are the arguments. */
  visitArgument(argument: TreeNode, siblings: unknown[], isCte: (name: string) => boolean, at: number): void {
    const names = this.namesOf(argument, at);
    if (names.length === 1 && isCte(names[0]!)) return;
    const own = this.#edits.tokenAt(argument);
    const {resolution, standIn} = this.#reference(this.#named(names, '', at), own);
    if (resolution === 'as-written') return;
    if (!isName(resolution.relation)) throw this.#refuse.unsupported(`"${names.join('.')}" as an argument`, at, `write WITH x AS (FROM ${names.join('.')}) and use x`);
    this.#edits.replace(own, argument['class'] === 'COLUMN_REF' ? this.#edits.nameEnd(own) : own + 1, standIn, resolution.relation);
    const index = siblings.indexOf(argument);
    this.#treeChanges.push(() => {
      siblings[index] = {class: 'COLUMN_REF', type: 'COLUMN_REF', alias: text(argument, 'alias'), column_names: [standIn]};
    });
  }

  /** A FROM item that stands for rows of a table: `changes(t, …)` becomes the relation that the caller gives. */
  visitCall(node: TreeNode, name: string, reference: GateReference, at: number): void {
    const {resolution, standIn} = this.#reference(reference, at);
    if (resolution === 'as-written') throw this.#refuse.notAllowed(`${name}(…)`, at, 'it is not available here');
    const close = this.#edits.closerOf(this.#edits.nameEnd(at));
    const alias = text(node, 'alias');
    const after = alias === '' ? asAlias(name) : '';
    this.#edits.replace(at, close + 1, `${standIn}${after}`, `${resolution.relation}${after}`);
    this.#treeChanges.push(() => {
      const {sample, column_name_alias} = node;
      for (const key of Object.keys(node)) delete (node as Tree)[key];
      Object.assign(node, {type: 'BASE_TABLE', alias: alias === '' ? name : alias, sample, schema_name: '', table_name: standIn, column_name_alias, catalog_name: '', at_clause: null});
    });
  }

  noteSource(name: string): void {
    this.#sourceNames.add(name.toLowerCase());
  }

  noteColumn(node: TreeNode): void {
    if ((node['column_names'] as string[]).length >= 3) this.#columns.push(node as Tree);
  }

  /** Makes the tree say what the edited text says; after the walk. */
  changeTree(): void {
    for (const change of this.#treeChanges) change();
    for (const column of this.#columns) this.#unqualify(column);
  }

  /** @returns the name in an argument: `t`, `s.t`, `'t'`, `'s.t'`. */
  namesOf(argument: TreeNode, at: number): string[] {
    const names = argument['class'] === 'COLUMN_REF' ? (argument['column_names'] as string[]) : undefined;
    if (names !== undefined && names.length <= 2) return names;
    const value = argument['class'] === 'CONSTANT' ? field(argument['value'], 'value') : undefined;
    if (typeof value === 'string' && /^[A-Za-z_][\w$]*(?:\.[A-Za-z_][\w$]*)?$/.test(value)) return value.split('.');
    throw this.#refuse.syntax('a table name as the argument', at, 'write table or schema.table; give a subquery a name with WITH');
  }

  #named(names: readonly string[], alias: string, at: number): GateReference {
    const last = names.at(-1)!;
    const dollar = last.lastIndexOf('$');
    const kind = dollar < 0 ? 'table' : suffixKinds.get(last.slice(dollar + 1).toLowerCase());
    if (kind === undefined) throw this.#refuse.unsupported(`the system table "${last}"`, at, `there are ${[...suffixKinds.keys()].map((suffix) => `t$${suffix}`).join(', ')}`);
    return {kind, schema: names.length === 2 ? names[0] : undefined, name: dollar < 0 ? last : last.slice(0, dollar), alias: alias === '' ? undefined : alias};
  }

  #reference(reference: GateReference, at: number): {readonly resolution: Exclude<Resolution, {unknown: true}>; readonly standIn: string} {
    const known = this.#resolved.get(at);
    if (known !== undefined) return known;
    const answer = this.#resolve(reference);
    if (answer !== 'as-written' && 'unknown' in answer) throw this.#unknown(reference, answer.nearest, at);
    if (answer === 'as-written' && reference.at !== undefined) throw this.#refuse.notAllowed('AT (…)', at, 'it is not available here');
    this.references.push(reference);
    // Most tables are read under their own names: then the text stays as it is, and is parsed once.
    const resolution = answer !== 'as-written' && reference.at === undefined && isNameOf(answer.relation, reference) ? 'as-written' : answer;
    const resolved = {resolution, standIn: resolution === 'as-written' ? '' : this.#edits.standIn()};
    this.#resolved.set(at, resolved);
    return resolved;
  }

  #unknown({schema, name}: GateReference, nearest: readonly string[], at: number): WarehouseError {
    const written = schema === undefined ? name : `${schema}.${name}`;
    if (schema === undefined && /[/\\.*?]|^~/.test(name)) {
      return this.#refuse.notAllowed(`the file "${name}" as a table`, at, "files are read by read_csv('…'), read_json('…') and read_parquet('…'), below the allowed directories");
    }
    if ((schema !== undefined && engineSchemas.has(schema.toLowerCase())) || engineName.test(name)) {
      return this.#refuse.notAllowed(`the engine's own table "${written}"`, at, 'SHOW TABLES, SHOW SCHEMAS and DESCRIBE t list what exists');
    }
    const hint = nearest.length === 0 ? 'SHOW TABLES lists them' : `did you mean ${nearest.map((near) => `"${near}"`).join(' or ')}?`;
    return new WarehouseError('invalid', 'MR_UNKNOWN_TABLE', `expected a table that exists, found "${written}" at ${this.#refuse.place(at)}`, {hint});
  }

  /** A column named with the schema of a table that has another now: the schema goes, the table's name is its alias. */
  #unqualify(column: Tree): void {
    const names = column['column_names'] as string[];
    const [schema, name] = [names[0]!.toLowerCase(), names[1]!.toLowerCase()];
    if (this.#sourceNames.has(schema) || !this.#renamed.some((table) => table.schema === schema && table.name === name)) return;
    const at = this.#edits.tokenAt(column);
    this.#edits.remove(at, at + 2);
    column['column_names'] = names.slice(1);
  }
}

/** @returns whether `relation` is `a`, `a.b`, `"a"."b"` …: what can be the argument of a macro. */
function isName(relation: string): boolean {
  return nameParts(relation) !== undefined;
}

function isNameOf(relation: string, {kind, schema = 'main', name}: GateReference): boolean {
  const parts = kind === 'table' ? nameParts(relation) : undefined;
  return parts?.length === 2 && parts[0]!.toLowerCase() === schema.toLowerCase() && parts[1]!.toLowerCase() === name.toLowerCase();
}

/** @returns the names in `a`, `a.b`, `"a"."b"` …; undefined for other SQL. */
function nameParts(relation: string): string[] | undefined {
  const tokens = tokenize(relation);
  const parts: string[] = [];
  for (let i = 0; i < tokens.count; i++) {
    const kind = tokens.kind(i);
    if (i % 2 === 0 ? kind !== 'word' && kind !== 'quoted' : !tokens.isSymbol(i, '.')) return undefined;
    if (i % 2 === 0) parts.push(tokens.value(i));
  }
  return tokens.count % 2 === 1 ? parts : undefined;
}
