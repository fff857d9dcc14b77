import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import ts from 'typescript';

/** Sources by their path below src/, with forward slashes. */
export type SourceTree = ReadonlyMap<string, string>;

export function readSourceTree(directory: string): SourceTree {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return new Map(files.sort().map((file) => [file.split(sep).join('/'), readFileSync(join(directory, file), 'utf8')]));
}

const parsed = new Map<string, ts.SourceFile>();

/** Once for all rules that look at a file: they take less time together than the parser for one of them. */
export function parse(path: string, source: string): ts.SourceFile {
  const key = `${path}\n${source}`;
  const known = parsed.get(key) ?? ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  parsed.set(key, known);
  return known;
}

const nodesOf = new WeakMap<ts.Node, ts.Node[]>();

export function everyNode(root: ts.Node): readonly ts.Node[] {
  const known = nodesOf.get(root);
  if (known) return known;
  const found: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    found.push(node);
    ts.forEachChild(node, visit);
  };
  visit(root);
  nodesOf.set(root, found);
  return found;
}

/** What a file imports, whichever way it is written: types, re-exports and import() included. */
export function importsOf(path: string, source: string): string[] {
  return everyNode(parse(path, source)).flatMap((node) => {
    const specifier = specifierOf(node);
    return specifier && ts.isStringLiteralLike(specifier) ? [specifier.text] : [];
  });
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return node.argument.literal;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return node.arguments[0];
  return undefined;
}

/** The file of the tree that a relative import means, as a path below src/; it may leave src/ or not exist. */
export function targetOf(importer: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return posix.join(posix.dirname(importer), specifier).replace(/\.js$/, '.ts');
}

/** For each file, the files that it imports. */
export function importGraph(tree: SourceTree): Map<string, string[]> {
  return new Map(
    [...tree].map(([path, source]) => {
      const targets = importsOf(path, source).map((specifier) => targetOf(path, specifier));
      return [path, targets.filter((target) => target !== undefined)];
    }),
  );
}
