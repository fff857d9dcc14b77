import ts from 'typescript';
import { isCompositionRoot } from './imports.js';
import { everyNode, parse, type SourceTree } from './source-tree.js';

/** `object.member`, also when written as `object['member']` or reached through globalThis. */
function memberOf(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node)) return joined(node.expression, node.name.text);
  if (ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression)) {
    return joined(node.expression, node.argumentExpression.text);
  }
  return undefined;
}

function joined(object: ts.Expression, member: string): string | undefined {
  if (ts.isIdentifier(object)) return `${object.text}.${member}`;
  const owner = memberOf(object);
  return owner?.startsWith('globalThis.') ? `${owner.slice('globalThis.'.length)}.${member}` : undefined;
}

/** `const { member } = object` */
function destructuredFrom(node: ts.Node): string[] {
  if (!ts.isVariableDeclaration(node) || !ts.isObjectBindingPattern(node.name)) return [];
  const { initializer, name } = node;
  if (!initializer || !ts.isIdentifier(initializer)) return [];
  return name.elements.map((element) => `${initializer.text}.${(element.propertyName ?? element.name).getText()}`);
}

/** `import { member } from 'node:module'` */
function importedFrom(node: ts.Node): string[] {
  if (!ts.isImportDeclaration(node) || !ts.isStringLiteral(node.moduleSpecifier)) return [];
  const bindings = node.importClause?.namedBindings;
  if (!bindings || !ts.isNamedImports(bindings)) return [];
  const module = node.moduleSpecifier.text.replace('node:', '');
  return bindings.elements.map((element) => `${module}.${(element.propertyName ?? element.name).text}`);
}

function usedMembers(path: string, source: string): string[] {
  return everyNode(parse(path, source)).flatMap((node) => {
    const member = memberOf(node);
    return [...(member === undefined ? [] : [member]), ...destructuredFrom(node), ...importedFrom(node)];
  });
}

export function environmentReaders(tree: SourceTree): string[] {
  return [...tree]
    .filter(([path, source]) => path !== 'config.ts' && usedMembers(path, source).includes('process.env'))
    .map(([path]) => path);
}

/** On Node 20 each signal that depends on a long-lived one is kept for ever: background/linked-abort.ts lets it go. */
export function leakingSignals(tree: SourceTree): string[] {
  return [...tree]
    .filter(([path, source]) => usedMembers(path, source).includes('AbortSignal.any'))
    .map(([path]) => path);
}

const CLOCKS_AND_DICE = ['Date.now', 'Math.random', 'performance.now', 'perf_hooks.performance'];

/** Whatever makes two runs of the same code differ. */
function readsClockOrDice(path: string, source: string): boolean {
  const nodes = everyNode(parse(path, source));
  const isDate = (node: ts.Node) => ts.isIdentifier(node) && node.text === 'Date';
  return (
    usedMembers(path, source).some((member) => CLOCKS_AND_DICE.includes(member) || member.endsWith('.randomUUID')) ||
    nodes.some((node) => ts.isNewExpression(node) && isDate(node.expression) && !node.arguments?.length) ||
    nodes.some((node) => ts.isCallExpression(node) && isDate(node.expression))
  );
}

export function clockAndDiceReaders(tree: SourceTree): string[] {
  return [...tree]
    .filter(
      ([path, source]) => !path.startsWith('adapters/') && !isCompositionRoot(path) && readsClockOrDice(path, source),
    )
    .map(([path]) => path);
}

/** Files that only pass on what others export: a reader has to look through them, and cycles hide in them. */
export function barrels(tree: SourceTree): string[] {
  return [...tree]
    .filter(([path, source]) => /(^|\/)index\.ts$/.test(path) || onlyReExports(path, source))
    .map(([path]) => path);
}

function onlyReExports(path: string, source: string): boolean {
  const { statements } = parse(path, source);
  const passesOn = (statement: ts.Statement) => ts.isExportDeclaration(statement);
  return (
    statements.some(passesOn) &&
    statements.every((statement) => passesOn(statement) || ts.isImportDeclaration(statement))
  );
}

const NAMELESS = /^(utils?|helpers?|common|shared)$/i;

/** Folders and files whose name says nothing of what is in them. */
export function namelessPlaces(tree: SourceTree): string[] {
  return [...tree.keys()].filter((path) => path.split('/').some((part) => NAMELESS.test(part.replace(/\.ts$/, ''))));
}

/** Words of the protocol of one provider. */
const PROTOCOL =
  /\b(prompt_tokens|completion_tokens|total_tokens|cached_tokens|reasoning_tokens|max_tokens|max_completion_tokens|top_p|presence_penalty|frequency_penalty|reasoning_effort|finish_reason|tool_calls|stream_options)\b/;
const NEUTRAL = /^(events|domain|ports|commands|sagas|projections|sse|relay)\//;

/** Between the routes and the adapters nothing speaks the language of a provider: its format and its adapter do. */
export function protocolWords(tree: SourceTree): string[] {
  return [...tree].filter(([path, source]) => NEUTRAL.test(path) && PROTOCOL.test(source)).map(([path]) => path);
}

const LINES_MAX = 299;
/** A table with a line or two for each bound, read by lookup. */
const TABLE_OF_BOUNDS = 'limits.ts';
const TABLE_LINES_MAX = 400;

export function longFiles(tree: SourceTree): string[] {
  const lines = (source: string) => source.trimEnd().split('\n').length;
  return [...tree].flatMap(([path, source]) => {
    return lines(source) > (path === TABLE_OF_BOUNDS ? TABLE_LINES_MAX : LINES_MAX) ? [path] : [];
  });
}

/**
 * Exported types whose name another file gives to a type of its own: one word would have two meanings. Private types of two files
 * may have one name, because their readers see the declaration: each projection calls its events `Followed`.
 */
export function sharedTypeNames(tree: SourceTree): string[] {
  const declared = [...tree].flatMap(([path, source]) => typesOf(path, source).map((type) => ({ path, ...type })));
  return [...new Set(declared.filter(({ isExported }) => isExported).map(({ name }) => name))].flatMap((name) => {
    const places = new Set(declared.filter((type) => type.name === name).map(({ path }) => path));
    return places.size > 1 ? [`${name}: ${[...places].join(', ')}`] : [];
  });
}

function typesOf(path: string, source: string): { readonly name: string; readonly isExported: boolean }[] {
  return parse(path, source).statements.flatMap((statement) => {
    const isType = ts.isTypeAliasDeclaration(statement) || ts.isInterfaceDeclaration(statement);
    if (!(isType || ts.isClassDeclaration(statement)) || !statement.name) return [];
    const isExported = statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
    return [{ name: statement.name.text, isExported }];
  });
}

export function postponedWork(tree: SourceTree): string[] {
  return [...tree].filter(([, source]) => /\b(TODO|FIXME|XXX)\b/.test(source)).map(([path]) => path);
}

export function defaultExports(tree: SourceTree): string[] {
  return [...tree]
    .filter(([path, source]) => everyNode(parse(path, source)).some(isDefaultExport))
    .map(([path]) => path);
}

function isDefaultExport(node: ts.Node): boolean {
  if (ts.isExportAssignment(node)) return true;
  if (ts.isExportSpecifier(node)) return node.name.text === 'default';
  return node.kind === ts.SyntaxKind.DefaultKeyword && ts.canHaveModifiers(node.parent);
}

/** A parameter that names its class twice, as the token and as the type, and a provider that is found by a text. */
export function clumsyInjections(tree: SourceTree): string[] {
  const isClumsy = (node: ts.Node) => namesItsClassTwice(node) || isProvidedByText(node);
  return [...tree].filter(([path, source]) => everyNode(parse(path, source)).some(isClumsy)).map(([path]) => path);
}

function namesItsClassTwice(node: ts.Node): boolean {
  if (!ts.isParameter(node)) return false;
  return injectedTokens(node).some((token) => token.getText() === node.type?.getText());
}

function isProvidedByText(node: ts.Node): boolean {
  if (ts.isParameter(node)) return injectedTokens(node).some(ts.isStringLiteralLike);
  if (!ts.isPropertyAssignment(node) || node.name.getText() !== 'provide') return false;
  return ts.isStringLiteralLike(node.initializer) || ts.isTemplateExpression(node.initializer);
}

/** The arguments of `@Inject(...)`. */
function injectedTokens(parameter: ts.ParameterDeclaration): ts.Expression[] {
  const calls = (ts.getDecorators(parameter) ?? []).map(({ expression }) => expression).filter(ts.isCallExpression);
  return calls.filter(({ expression }) => expression.getText() === 'Inject').flatMap((call) => [...call.arguments]);
}
