/** The files and folders that a page names in back-ticks: `folder/{a,b}.ts` names two. */
export function namedFiles(page: string): string[] {
  const quoted = [...page.matchAll(/`([\w./{},-]+(?:\.(?:ts|mjs|md|sql)|\/))`/g)].map(([, name]) => name as string);
  return quoted.flatMap(expanded);
}

function expanded(name: string): string[] {
  const [, before = '', names, after = ''] = /^(.*)\{(.*)\}(.*)$/.exec(name) ?? [];
  return names === undefined ? [name] : names.split(',').map((each) => `${before}${each}${after}`);
}
