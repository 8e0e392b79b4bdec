/** Go's syntax (RE2), as far as it is also JavaScript's: (?i) in front and (?P<name>…). */
export function goRegExp(pattern: string): RegExp {
  const flags = /^\(\?([a-z]+)\)/.exec(pattern)
  return new RegExp(pattern.slice(flags?.[0].length ?? 0).replaceAll('(?P<', '(?<'), flags?.[1]?.includes('i') ? 'i' : '')
}
