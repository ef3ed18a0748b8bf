/** `t$rejected` is made when t first has a rejected row, as any table is: by the one who gives out table ids. */
import type {TableId} from '../catalog/spec.ts';
import type {Host} from './host.ts';
import {rejectedTableOf} from './lookup.ts';
import {rejectedTable} from './rejected-table.ts';

export async function ensureRejected(host: Host, table: TableId): Promise<void> {
  const missing = (): boolean => {
    const of = host.catalog.byId(table);
    return of !== undefined && rejectedTableOf(host.catalog, of) === undefined;
  };
  if (!missing()) return;
  await host.alone(async () => {
    if (missing()) await host.define([{kind: 'create-table', table: rejectedTable(host.catalog, table, host.nowMs())}]);
  });
}
