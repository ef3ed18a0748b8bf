/** UNION ALL: the rows of all inputs, end to end. Stateless. */
import type {Delta} from '../../base/delta.ts';
import type {LogicalType} from '../../base/type.ts';
import type {PlanColumn} from '../../kernel/plan/tree.ts';
import {concatDeltas} from '../delta-tools.ts';
import type {Operator} from '../operator.ts';
import type {OperatorSpec} from '../operator-spec.ts';
import {heldType} from '../stored-type.ts';

export class UnionOperator implements Operator {
  readonly executor = 'code';
  readonly filling = 'stateless';
  readonly columns: readonly PlanColumn[];
  readonly #types: readonly LogicalType[];
  readonly #pushed: Delta[] = [];

  constructor(spec: OperatorSpec & {kind: 'union'}) {
    this.columns = spec.columns;
    this.#types = spec.columns.map(({type}) => heldType(type));
  }

  push(_input: number, delta: Delta): void { this.#pushed.push(delta); }
  flush(): Delta { return concatDeltas(this.#types, this.#pushed); }
  fill(_input: number, rows: Delta): Delta { return rows; }
  *content(): Generator<Delta, void, undefined> {}
  keeps(): boolean { return false; }
  absorb(): void {}
  endEpoch(): void { this.#pushed.length = 0; }
  undo(): void { this.#pushed.length = 0; }
  bytes(): number { return 0; }
}
