import type { PageEnd, Scope } from '../../../ports/read-models/questions.js';

/** The conditions of a statement, and the values of its parameters. */
export class Conditions {
  readonly values: unknown[] = [];
  private readonly parts: string[] = [];

  /** `?` is the placeholder of the value. An undefined value adds no condition. */
  where(condition: string, value: unknown): this {
    if (value !== undefined) this.parts.push(condition.replaceAll('?', this.value(value)));
    return this;
  }

  within({ tenant, owner }: Scope): this {
    return this.where('tenant = ?', tenant).where('owner = ?', owner);
  }

  /** Rows that come after the end of a page, newest first. */
  before(column: string, end: PageEnd | undefined): this {
    if (end) this.parts.push(`(${column}, key) < (${this.value(end.at)}, ${this.value(end.id)})`);
    return this;
  }

  value(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }

  toString(): string {
    return this.parts.join(' AND ');
  }
}
