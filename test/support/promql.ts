/** The metrics that an expression of PromQL reads: its names that are no functions, labels, operators or numbers. */
export function metricsIn(expression: string): string[] {
  const names = expression
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b\d+(?:ms|[smhdwy])\b/g, '')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, '')
    .replace(/\b(and|or|unless|bool|offset)\b/g, '')
    .match(/[a-zA-Z_][a-zA-Z0-9_]*(?!\s*\(|[a-zA-Z0-9_])/g);
  return [...new Set(names)];
}
