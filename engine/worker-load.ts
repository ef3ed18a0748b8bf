/** Opening: a table's rows come from its files into state. */
import type {TableSpec} from '../catalog/spec.ts';
import {orderedScan} from '../storage/lsm/ordered-scan.ts';
import {typesOf} from './frame-batch.ts';
import {positionOrder} from './table-home.ts';
import type {WorkerCore} from './worker-core.ts';

/** Loads a table as the newest checkpoint has it, in `_pos` order. Memory holds a chunk of rows beside the state. */
export async function loadTable(core: WorkerCore, table: TableSpec, image: PositionImage | null): Promise<void> {
  const state = core.dataflow.state(table.id);
  const types = typesOf(table);
  const found = await core.checkpointer.planOf(table);
  if (found === null) return;
  state.expect(found.plan.rowCount);
  for (const sql of await orderedScan(core.session, found.paimon, found.plan, {ordered: positionOrder(table)})) {
    const stream = await core.session.stream(sql, [], {types});
    try {
      for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) {
        state.load(chunk.columns, chunk.rowCount);
        core.budget.relieve();
      }
    } finally {
      await stream.close();
    }
  }
}
