/** How the gate says no: with the thing, its place in the user's text, and what to write instead. */
import {WarehouseError} from '../base/error.ts';
import type {Tokens} from '../kernel/statement/lexer.ts';

export class Refusals {
  readonly #tokens: Tokens;
  readonly #placeAt: (offset: number) => string;

  /** @param placeAt says where character `offset` of the text is. */
  constructor(tokens: Tokens, placeAt: (offset: number) => string) {
    this.#tokens = tokens;
    this.#placeAt = placeAt;
  }

  place(at: number): string {
    return this.#placeAt(this.#tokens.start(at));
  }

  notAllowed(what: string, at: number, hint?: string): WarehouseError {
    return new WarehouseError('invalid', 'MR_NOT_ALLOWED', `${what} is not allowed in a query, at ${this.place(at)}`, {hint});
  }

  unsupported(what: string, at: number, hint?: string): WarehouseError {
    return new WarehouseError('invalid', 'MR_UNSUPPORTED', `${what} is not supported in this version, at ${this.place(at)}`, {hint});
  }

  syntax(expected: string, at: number, hint?: string): WarehouseError {
    return new WarehouseError('invalid', 'MR_SYNTAX', `expected ${expected} at ${this.place(at)}`, {hint});
  }
}
