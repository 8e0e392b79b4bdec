/** Calico's selector language (libcalico-go/lib/selector): app == "web" && has(tier) && !(env in {"dev", "test"}). */
export type Labels = (key: string) => string | undefined

export interface Selector {
  matches(labels: Labels): boolean
  /** In the one spelling that Calico makes names of. */
  readonly text: string
}

/** Throws an Error that says what is wrong. `prefix` goes before every label (namespaces' and ServiceAccounts' labels). */
export function parseSelector(text: string, prefix = ''): Selector {
  const parser = new Parser(text.trim(), prefix)
  return text.trim() === '' ? ALL : parser.parse()
}

const ALL: Selector = { matches: () => true, text: 'all()' }

export function allOf(selectors: readonly Selector[]): Selector {
  if (selectors.length === 1) return selectors[0]!
  return { matches: (labels) => selectors.every((s) => s.matches(labels)), text: `(${selectors.map((s) => s.text).join(' && ')})` }
}

const LABEL = /^[a-zA-Z0-9_./-]+/

class Parser {
  #rest: string
  readonly #text: string
  readonly #prefix: string

  constructor(text: string, prefix: string) {
    this.#text = text
    this.#rest = text
    this.#prefix = prefix
  }

  parse(): Selector {
    const selector = this.#or()
    if (this.#rest !== '') throw this.#problem()
    return selector
  }

  #problem(): Error {
    return new Error(`invalid selector ${JSON.stringify(this.#text)}: unexpected content at ${JSON.stringify(this.#rest.slice(0, 20))}`)
  }

  #take(token: RegExp): string | undefined {
    const found = token.exec(this.#rest)
    if (!found) return undefined
    this.#rest = this.#rest.slice(found[0].length).trimStart()
    return found[1] ?? found[0].trim()
  }

  #or(): Selector {
    const parts = [this.#and()]
    while (this.#take(/^\|\|/) !== undefined) parts.push(this.#and())
    if (parts.length === 1) return parts[0]!
    return { matches: (labels) => parts.some((p) => p.matches(labels)), text: `(${parts.map((p) => p.text).join(' || ')})` }
  }

  #and(): Selector {
    const parts = [this.#not()]
    while (this.#take(/^&&/) !== undefined) parts.push(this.#not())
    return allOf(parts)
  }

  #not(): Selector {
    if (this.#take(/^!(?!=)/) === undefined) return this.#term()
    const inner = this.#not()
    return { matches: (labels) => !inner.matches(labels), text: `!${inner.text}` }
  }

  #term(): Selector {
    if (this.#take(/^\(/) !== undefined) {
      const inner = this.#or()
      if (this.#take(/^\)/) === undefined) throw this.#problem()
      return inner
    }
    if (this.#take(/^all\(\s*\)/) !== undefined) return ALL
    if (this.#take(/^global\(\s*\)/) !== undefined) return { matches: (labels) => labels('projectcalico.org/namespace') === undefined, text: 'global()' }
    const has = this.#take(/^has\(\s*([a-zA-Z0-9_./-]+)\s*\)/)
    if (has !== undefined) {
      const key = this.#prefix + has
      return { matches: (labels) => labels(key) !== undefined, text: `has(${key})` }
    }
    const label = this.#take(LABEL)
    if (label === undefined) throw this.#problem()
    return this.#operator(this.#prefix + label)
  }

  #operator(key: string): Selector {
    const operator = this.#take(/^(==|!=|not\s+in\b|in\b|contains\b|starts\s+with\b|ends\s+with\b)/)?.replace(/\s+/g, ' ')
    if (operator === 'in' || operator === 'not in') {
      const values = this.#set()
      const text = `${key} ${operator} {${[...values].sort().map(quoted).join(', ')}}`
      const inside = operator === 'in'
      return { matches: (labels) => (values.has(labels(key) as string) ? inside : !inside), text }
    }
    const value = operator === undefined ? undefined : this.#string()
    if (value === undefined) throw this.#problem()
    const text = `${key} ${operator!} ${quoted(value)}`
    switch (operator) {
      case '==': return { matches: (labels) => labels(key) === value, text }
      case '!=': return { matches: (labels) => labels(key) !== value, text }
      case 'contains': return { matches: (labels) => labels(key)?.includes(value) ?? false, text }
      case 'starts with': return { matches: (labels) => labels(key)?.startsWith(value) ?? false, text }
      default: return { matches: (labels) => labels(key)?.endsWith(value) ?? false, text }
    }
  }

  #string(): string | undefined {
    return this.#take(/^"([^"]*)"/) ?? this.#take(/^'([^']*)'/)
  }

  #set(): Set<string> {
    const values = new Set<string>()
    if (this.#take(/^\{/) === undefined) throw this.#problem()
    while (this.#take(/^\}/) === undefined) {
      const value = this.#string()
      if (value === undefined) throw this.#problem()
      values.add(value)
      this.#take(/^,/)
    }
    return values
  }
}

function quoted(value: string): string {
  return value.includes('"') ? `'${value}'` : `"${value}"`
}
