/** Where the files of a table lie. */
import {join} from 'node:path';

/** @returns the table's directory: `<warehouse>/<schema>.db/<table>`; the schema `main` is Paimon's database `default`. */
export function tableDirectory(warehouse: string, schema: string, table: string): string {
  return join(warehouse, `${schema === 'main' ? 'default' : schema}.db`, table);
}

export class TablePaths {
  readonly directory: string;

  constructor(directory: string) { this.directory = directory; }

  schemaDirectory(): string { return join(this.directory, 'schema'); }
  schema(id: number): string { return join(this.directory, 'schema', `schema-${id}`); }
  snapshotDirectory(): string { return join(this.directory, 'snapshot'); }
  snapshot(id: number): string { return join(this.directory, 'snapshot', `snapshot-${id}`); }
  hint(name: 'LATEST' | 'EARLIEST'): string { return join(this.directory, 'snapshot', name); }
  manifestDirectory(): string { return join(this.directory, 'manifest'); }
  manifest(fileName: string): string { return join(this.directory, 'manifest', fileName); }
  index(fileName: string): string { return join(this.directory, 'index', fileName); }
  statistics(fileName: string): string { return join(this.directory, 'statistics', fileName); }
  tagDirectory(): string { return join(this.directory, 'tag'); }
  /** @param partition `key=value/…`, '' in unpartitioned tables. Tables without buckets use bucket 0. */
  bucketDirectory(partition: string, bucket: number): string { return join(this.directory, partition, `bucket-${Math.max(bucket, 0)}`); }
}
