/** Numbers for expressions: two expressions of equal structure and type have one number, so that generated code computes them once. */
import {printType} from '../../kernel/plan/plan-type.ts';
import type {ConstantValue, Expression} from '../../kernel/plan/tree.ts';
import {operandsOf} from '../../kernel/plan/walk-expression.ts';

function constantText(value: ConstantValue): string {
  if (value === null) return 'null';
  if (typeof value === 'object') return `${value.months}m${value.days}d${value.micros}us`;
  return typeof value === 'number' && Object.is(value, -0) ? 'number:-0' : `${typeof value}:${value}`;
}

/** What an expression says beside its type and operands. */
function headText(expression: Expression): string {
  switch (expression.kind) {
    case 'column': return `column ${expression.index}`;
    case 'constant': return `constant ${constantText(expression.value)}`;
    case 'cast': return expression.try ? 'try_cast' : 'cast';
    case 'comparison': return expression.op;
    case 'in': return expression.negated ? 'not in' : 'in';
    case 'between': return `between ${expression.lowerInclusive} ${expression.upperInclusive}`;
    case 'function': return `function ${expression.name}`;
    default: return expression.kind;
  }
}

/** Unlike a key that spells an expression out, a number stays short however often parts repeat. */
export class StructureIds {
  readonly #byText = new Map<string, number>();
  readonly #byNode = new WeakMap<Expression, number>();

  of(expression: Expression): number {
    const known = this.#byNode.get(expression);
    if (known !== undefined) return known;
    const text = `${headText(expression)}:${printType(expression.type)}(${operandsOf(expression).map((operand) => this.of(operand)).join(',')})`;
    let id = this.#byText.get(text);
    if (id === undefined) this.#byText.set(text, id = this.#byText.size);
    this.#byNode.set(expression, id);
    return id;
  }
}
