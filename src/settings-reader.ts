/**
 * Settings of earlier releases. EventStoreDB reads every variable that begins with EVENTSTORE_ as an option of its own and
 * refuses to start on one that it does not know, so no setting may begin with it.
 */
const RENAMED: ReadonlyMap<string, string> = new Map([['EVENTSTORE_URL', 'EVENT_LOG_URL']]);

/** Reads one variable at a time and remembers what was wrong. An empty value counts as absent. */
export class SettingsReader {
  private readonly known = new Set<string>();
  private readonly mistakes: string[] = [];

  constructor(private readonly environment: NodeJS.ProcessEnv) {}

  has(name: string): boolean {
    return this.value(name) !== undefined;
  }

  /** As OpenTelemetry reads a switch: every other value is false. */
  isTrue(name: string): boolean {
    return this.value(name)?.toLowerCase() === 'true';
  }

  text(name: string, pattern: Pick<RegExp, 'test'>, expected: string): string | undefined {
    const value = this.value(name);
    if (value === undefined || pattern.test(value)) return value;
    this.mistake(name, expected);
    return undefined;
  }

  url(name: string, protocols: readonly string[]): string | undefined {
    const value = this.value(name);
    if (value === undefined || (URL.canParse(value) && protocols.includes(new URL(value).protocol))) return value;
    this.mistake(name, `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`);
    return undefined;
  }

  integer(name: string, otherwise: number, least: number, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.value(name);
    if (value === undefined) return otherwise;
    const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number;
    const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`;
    this.mistake(name, `a whole number ${range}`);
    return otherwise;
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.value(name);
    const choice = choices.find((each) => each === value);
    if (value !== undefined && choice === undefined) this.mistake(name, `one of ${choices.join(', ')}`);
    return choice;
  }

  list<T extends string>(name: string, choices: readonly T[]): readonly T[] {
    const value = this.value(name);
    if (value === undefined) return choices;
    const words = value.split(',').map((word) => word.trim());
    const chosen = choices.filter((choice) => words.includes(choice));
    if (chosen.length !== words.length)
      this.mistake(name, `some of ${choices.join(',')}, each once, with commas between`);
    return chosen;
  }

  mistake(name: string, expected: string): void {
    this.mistakes.push(`${name}: ${shapeOf(this.value(name))}, expected ${expected}`);
  }

  mistakesAndRenamed(): string[] {
    const renamed = Object.keys(this.environment)
      .filter((name) => RENAMED.has(name) && this.environment[name])
      .map((name) => `${name}: this setting is now called ${RENAMED.get(name)}`);
    return [...this.mistakes, ...renamed];
  }

  mistakesAndUnknown(): string[] {
    const unknown = Object.keys(this.environment)
      .filter((name) => name.startsWith('VERBATIM_') && !this.known.has(name))
      .map((name) => `${name}: no such setting`);
    return [...this.mistakesAndRenamed(), ...unknown];
  }

  private value(name: string): string | undefined {
    this.known.add(name);
    return this.environment[name] || undefined;
  }
}

/** A description of a value that may be a secret. */
function shapeOf(value: string | undefined): string {
  if (value === undefined) return 'not set';
  if (/^-?\d+$/.test(value)) return 'a whole number';
  if (/^-?[\d.]+$/.test(value)) return 'a number';
  return `${value.length} ${value.length === 1 ? 'character' : 'characters'}`;
}
