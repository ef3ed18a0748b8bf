/**
 * Which names schemas, tables and columns may have. The rules come from three sides: directories and identifiers of Paimon's
 * (`<schema>.db/<table>`, `t$snapshots`, `_KEY_…`), names that this warehouse adds to a table's columns, and DuckDB's own schemas.
 */
import {WarehouseError} from '../base/error.ts';
import {RESERVED_PREFIX} from './spec.ts';

const nameBytesMax = 200;

/** `default` is what Paimon calls `main`; `live` and `mr_internal` are the read cache's; `millrace` has the system tables; the others are DuckDB's. */
const reservedSchemas: ReadonlySet<string> = new Set(['default', 'live', 'mr_internal', 'millrace', 'system', 'temp', 'memory', 'information_schema', 'pg_catalog', 'recurring']);
/** Paimon's system columns, and ours of `changes()` and the read cache. */
const reservedColumns: ReadonlySet<string> = new Set(['_sequence_number', '_value_kind', '_level', '_row_id', 'rowkind', 'rowid', '_pos', '_op', '_epoch']);
const reservedColumnPrefixes = [RESERVED_PREFIX, '_key_'];

/** @throws {WarehouseError} `MR_BAD_NAME`. */
export function checkSchemaName(name: string): void {
  checkFileName('schema', name);
  if (reservedSchemas.has(name.toLowerCase())) throw badName('schema', name, 'is reserved');
}

/** @throws {WarehouseError} `MR_BAD_NAME`. */
export function checkTableName(name: string): void {
  checkFileName('table', name);
}

/** @throws {WarehouseError} `MR_BAD_NAME`. */
export function checkSubscriptionName(name: string): void {
  checkFileName('subscription', name);
}

/** Tags are files of every table, under other engines' rules too: a number alone would be a snapshot's. @throws {WarehouseError} `MR_BAD_NAME`. */
export function checkTagName(name: string): void {
  checkFileName('tag', name);
  if (/^\d+$/.test(name)) throw badName('tag', name, 'is a number');
}

/** @throws {WarehouseError} `MR_BAD_NAME`. */
export function checkColumnName(name: string): void {
  checkLength('column', name);
  const folded = name.toLowerCase();
  const prefix = reservedColumnPrefixes.find((candidate) => folded.startsWith(candidate));
  if (prefix !== undefined) throw badName('column', name, `begins with "${prefix}", which is reserved`);
  if (reservedColumns.has(folded)) throw badName('column', name, 'is reserved');
}

/**
 * @param place of which table, for the message.
 * @throws {WarehouseError} `MR_BAD_NAME`, `MR_DUPLICATE_COLUMN` when two names are equal or differ only by case.
 */
export function checkColumnNames(names: readonly string[], place: string): void {
  const seen = new Map<string, string>();
  for (const name of names) {
    checkColumnName(name);
    const twin = seen.get(name.toLowerCase());
    if (twin !== undefined) {
      const found = twin === name ? `"${name}" twice` : `"${twin}" and "${name}", which differ only by case`;
      throw new WarehouseError('invalid', 'MR_DUPLICATE_COLUMN', `expected different column names in ${place}, found ${found}`, {hint: 'give one of them another name with AS'});
    }
    seen.set(name.toLowerCase(), name);
  }
}

function checkFileName(what: string, name: string): void {
  checkLength(what, name);
  if (name.toLowerCase().startsWith(RESERVED_PREFIX)) throw badName(what, name, `begins with "${RESERVED_PREFIX}", which is reserved`);
  if (name.includes('$')) throw badName(what, name, 'holds "$", which begins the name of a system table such as t$changelog');
  const odd = /[./\\:*?"<>|\p{Cc}]/u.exec(name);
  if (odd !== null) throw badName(what, name, `holds ${JSON.stringify(odd[0])}, which cannot stand in a directory's name`);
  if (name !== name.trim()) throw badName(what, name, 'begins or ends with a blank');
}

function checkLength(what: string, name: string): void {
  if (name.length === 0) throw badName(what, name, 'is empty');
  const bytes = Buffer.byteLength(name, 'utf8');
  if (bytes > nameBytesMax) throw badName(what, name, `has ${bytes} bytes, more than ${nameBytesMax}`);
}

function badName(what: string, name: string, why: string): WarehouseError {
  return new WarehouseError('invalid', 'MR_BAD_NAME', `expected a ${what} name that can be used, found "${name}", which ${why}`, {hint: 'choose another name'});
}
