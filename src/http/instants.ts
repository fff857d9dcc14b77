const DAY = /^\d{4}-\d\d-\d\d$/;
const INSTANT =
  /^(\d{4}-\d\d-\d\d)(?:T([01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d))?$/;

/**
 * Parses a day or an instant of ISO 8601 into the form in which times are recorded and compared. Returns undefined for any
 * other text: `Date` would take the 30th of February for the 2nd of March.
 */
export function instantIn(text: string): string | undefined {
  const [, day] = INSTANT.exec(text) ?? [];
  if (day === undefined || !isDayOfCalendar(day)) return undefined;
  const instant = new Date(text).toISOString();
  // An offset can move the year beyond four digits.
  return /^\d{4}-/.test(instant) ? instant : undefined;
}

export const isDay = (text: string): boolean => DAY.test(text) && isDayOfCalendar(text);

function isDayOfCalendar(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}
