/**
 * Data files as a table expression: columns by their present names and types (file-schema.ts), system columns, and tags that say of each row which
 * file it came from.
 *
 * Partition columns are the values of the manifest's `_PARTITION`, whatever the file or its path holds. Values that belong to files
 * are looked up by `file_index` in a list, so that any number of files stays one scan.
 */
import {invariant} from '../../base/invariant.ts';
import {quoteIdentifier} from '../../kernel/quote.ts';
import {decodeBinaryRow} from '../paimon/binary-row.ts';
import type {DataField} from '../paimon/data-type.ts';
import type {ManifestEntry} from '../paimon/manifest.ts';
import type {TableSchema} from '../paimon/table-schema.ts';
import {parquetSql, valueLiteralSql} from './column-sql.ts';
import type {DeletedRows} from './deletion-vectors.ts';
import {columnsSignature, fileColumnSql} from './file-schema.ts';
import type {PaimonTable} from './paimon-table.ts';

/** A file to read. Its entry says under which schema it was written. */
export interface SourceFile {
  readonly entry: ManifestEntry;
  readonly path: string;
  /** Row numbers that a deletion vector marks as deleted. */
  readonly deletedRows?: DeletedRows;
}

export interface FileColumns {
  readonly fields: readonly DataField[];
  /** Physical columns taken as they are. */
  readonly system?: readonly string[];
  /** Columns of whole numbers, one per file. */
  readonly tags?: readonly {readonly name: string; readonly of: (file: SourceFile) => bigint | number}[];
  /** `file_row_number`, the row's place in its file. */
  readonly rowNumber?: boolean;
}

/** A row without columns, for counting. */
export const NO_COLUMNS = '1 AS _mr_one';

/**
 * @param files at least one, of any schemas.
 * @param inOrder rows in the order of files and of rows in them; otherwise files that hold the same columns are read together.
 * @returns a SELECT over the files, without the rows that deletion vectors mark.
 */
export function filesSql(table: PaimonTable, files: readonly SourceFile[], columns: FileColumns, inOrder = false): string {
  invariant(files.length > 0, 'a scan of files needs one');
  return scans(table, files, inOrder).map((scan) => scanText(table, scan, columns)).join(' UNION ALL ');
}

/** Files of the same columns, without deletion vectors; or one file with some. */
interface Scan {
  readonly schema: TableSchema;
  readonly files: SourceFile[];
}

function scans(table: PaimonTable, files: readonly SourceFile[], inOrder: boolean): Scan[] {
  const result: Scan[] = [];
  const open = new Map<string, Scan>();
  const signatures = new Map<TableSchema, string>();
  for (const file of files) {
    const schema = table.fileSchema(file.entry);
    if (file.deletedRows !== undefined) {
      if (inOrder) open.clear();
      result.push({schema, files: [file]});
      continue;
    }
    const signature = signatures.get(schema) ?? columnsSignature(schema);
    signatures.set(schema, signature);
    const scan = open.get(signature);
    if (scan !== undefined) {
      scan.files.push(file);
      continue;
    }
    if (inOrder) open.clear();
    const begun = {schema, files: [file]};
    open.set(signature, begun);
    result.push(begun);
  }
  return result;
}

function scanText(table: PaimonTable, {schema, files}: Scan, columns: FileColumns): string {
  const {deletedRows} = files[0]!;
  const from = parquetSql(files.map((file) => file.path), deletedRows === undefined && columns.rowNumber !== true ? [] : ['file_row_number = true']);
  const list = [
    ...columns.fields.map((field) => `${fieldSql(table, schema, files, field)} AS ${quoteIdentifier(field.name)}`),
    ...(columns.system ?? []).map(quoteIdentifier),
    ...(columns.tags ?? []).map(({name, of}) => `${byFile(files.map((file) => `${of(file)}::BIGINT`))} AS ${quoteIdentifier(name)}`),
    ...(columns.rowNumber === true ? ['file_row_number'] : []),
  ];
  const where = deletedRows === undefined || deletedRows.length === 0 ? '' : ` WHERE file_row_number NOT IN (${deletedRows.join(', ')})`;
  return `SELECT ${list.join(', ') || NO_COLUMNS} FROM ${from} AS data${where}`;
}

/** @returns the column of the files as an expression over the scan. */
function fieldSql(table: PaimonTable, schema: TableSchema, files: readonly SourceFile[], field: DataField): string {
  const index = table.partitionFields.findIndex(({id}) => id === field.id);
  if (index === -1) return fileColumnSql(schema, field, table.directory);
  const types = table.partitionFields.map(({type}) => type);
  return byFile(files.map(({entry}) => valueLiteralSql(field, decodeBinaryRow(types, entry.partition, `${entry.file.fileName}: _PARTITION`)[index]!)));
}

/** @param literals one per file. */
function byFile(literals: readonly string[]): string {
  if (new Set(literals).size === 1) return literals[0]!;
  return `list_extract([${literals.join(', ')}], CAST(file_index + 1 AS BIGINT))`;
}
