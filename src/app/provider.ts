import type { FactoryProvider, Type } from '@nestjs/common';

/** An injection token that knows the type of its value: a class, or the symbol of what has no class at run time. */
export type Token<T> = Type<T> | (symbol & { readonly of?: T });

export type Tokens<Parts> = { readonly [Name in keyof Parts]: Token<Parts[Name]> };

export const token = <T>(name: string): Token<T> => Symbol(name);

/**
 * A factory provider for a plain class, which knows no Nest. The factory gets the values of the tokens as one object, and the
 * compiler checks their types.
 */
export function provider<T, Parts extends object>(
  provide: Token<T>,
  parts: Tokens<Parts>,
  make: (parts: Parts) => T,
): FactoryProvider<T> {
  const names = Object.keys(parts);
  const useFactory = (...values: unknown[]) =>
    make(Object.fromEntries(names.map((name, nth) => [name, values[nth]])) as Parts);
  return { provide, inject: Object.values<Token<unknown>>(parts), useFactory };
}
