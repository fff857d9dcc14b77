/** Every sample of a text in the format of Prometheus, by its name and labels as they stand there. Fails when a line is none. */
export function samplesIn(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !/^# (HELP|TYPE) [a-z_0-9]+ ./.test(line));
  return new Map(
    lines.map((line) => {
      const [, sample, value] = /^([a-z_0-9]+(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})?) (\S+)$/.exec(line) ?? [];
      if (sample === undefined) throw new Error(`no sample: ${line}`);
      return [sample, Number(value === '+Inf' ? Number.POSITIVE_INFINITY : value)];
    }),
  );
}
