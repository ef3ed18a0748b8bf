/** A row of an epoch that a view cannot take: which one it is, so that its writer can be told or it can be rejected. */
import {WarehouseError} from '../base/error.ts';
import {ExpressionError} from './expression/expression-error.ts';

/**
 * An expression of view `viewId` raised for row `rowIndex` of the changes of table `tableId` (a base table, or a dynamic table
 * that the view reads). Nothing of the epoch is kept in compute after `undo()`.
 */
export class EpochRowError extends WarehouseError {
  override readonly name = 'EpochRowError';
  readonly viewId: number;
  readonly tableId: number;
  readonly rowIndex: number;

  constructor(cause: WarehouseError, where: {viewId: number; viewName: string; tableId: number; tableName: string; rowIndex: number}) {
    super(cause.kind, cause.code, `${cause.message} (in dynamic table ${where.viewName}, for row ${where.rowIndex} of the changes of ${where.tableName})`, {cause, hint: cause.hint});
    this.viewId = where.viewId;
    this.tableId = where.tableId;
    this.rowIndex = where.rowIndex;
  }
}

/** @returns the index of the row that raised, in the batch that was evaluated; −1 if the error does not say. */
export function raisedRow(error: unknown): number {
  return error instanceof ExpressionError ? error.rowIndex : -1;
}
