/** $(VAR) in command, args and env values; $$ is a dollar: third_party/forked/golang/expansion. */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  let out = ''
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '$' || i + 1 >= text.length) {
      out += text[i]
      continue
    }
    const next = text[++i]!
    if (next === '$') out += '$'
    else if (next !== '(') out += `$${next}`
    else {
      const end = text.indexOf(')', i)
      if (end < 0) out += '$('
      else {
        const name = text.slice(i + 1, end)
        out += lookup(name) ?? `$(${name})`
        i = end
      }
    }
  }
  return out
}
