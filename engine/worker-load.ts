/** Opening: a table's rows come from its files into state. */
import {WarehouseError} from '../base/error.ts';
import type {TableSpec} from '../catalog/spec.ts';
import {orderedScan} from '../storage/lsm/ordered-scan.ts';
import {typesOf} from './frame-batch.ts';
import type {PositionImage} from './position-image.ts';
import {positionOrder} from './table-home.ts';
import type {WorkerCore} from './worker-core.ts';

/**
 * Loads a table as the newest checkpoint has it, in `_pos` order. Memory holds a chunk of rows beside the state.
 *
 * @param image the rows' positions where they are kept from the process before; else rows are numbered as they come.
 * @throws {WarehouseError} `MR_CACHE_FAILED` (data) when they are not as many as the rows.
 */
export async function loadTable(core: WorkerCore, table: TableSpec, image: PositionImage | null): Promise<void> {
  const state = core.dataflow.state(table.id);
  const types = typesOf(table);
  const found = await core.checkpointer.planOf(table);
  let loaded = 0;
  if (found !== null) {
    state.expect(found.plan.rowCount);
    for (const sql of await orderedScan(core.session, found.paimon, found.plan, {ordered: positionOrder(table)})) {
      const stream = await core.session.stream(sql, [], {types});
      try {
        for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) {
          state.load(chunk.columns, chunk.rowCount, image?.positions.subarray(loaded, loaded + chunk.rowCount));
          loaded += chunk.rowCount;
          core.budget.relieve();
        }
      } finally {
        await stream.close();
      }
    }
  }
  if (image === null) return;
  if (loaded !== image.positions.length) throw new WarehouseError('data', 'MR_CACHE_FAILED', `table ${table.schema}.${table.name} has ${loaded} rows in its files, ${image.positions.length} positions were kept`);
  state.skipPositions(image.nextPosition);
}
